//! `cargo xtask test`: every test there is, and proof that it ran.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use clap::Args;

use crate::command::{announce, cargo};
use crate::{Result, alone, arrows, broker, compose, interop, postgres, prose, readme, suites};

/// What to test.
#[derive(Clone, Debug, Args)]
#[non_exhaustive]
pub struct Arguments {
    /// Transports whose conformance suite must have run, and suites of their further stores, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = suites::ALL.map(str::to_owned))]
    pub transports: Vec<String>,
}

/// How many tests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    failed: u64,
    ignored: u64,
}

/// Checks the tree, runs every test, then checks what the tests left behind.
///
/// # Errors
/// What failed.
pub(crate) fn task(arguments: &Arguments) -> Result<()> {
    compose::check()?;
    prose::check()?;
    arrows::check()?;
    alone::check()?;
    suites::forget()?;
    let mut everything = cargo(["test", "--workspace", "--all-features", "--no-fail-fast"]);
    everything.env(suites::VARIABLE, suites::file());
    interop::prepare()?;
    postgres::prepare()?;
    let broker = broker::for_tests()?;
    println!("broker: {}", broker.origin);
    everything.env(broker::VARIABLE, broker.url());
    let (count, succeeded) = watch(everything)?;
    let stopped = broker.stop();
    let after = suites::check(&arguments.transports).and_then(|()| readme::check());
    println!(
        "total: {} passed, {} failed, {} skipped",
        count.passed, count.failed, count.ignored
    );
    if !succeeded {
        return Err("not every test was built, run and passed: see above".into());
    }
    stopped?;
    after
}

/// Runs the tests, shows what they print, and counts them. Returns whether all succeeded as well.
pub(crate) fn watch(mut command: Command) -> Result<(Count, bool)> {
    let text = announce(&command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run {text}: {error}"))?;
    let mut count = Count::default();
    if let Some(output) = child.stdout.take() {
        let (mut reader, mut line) = (BufReader::new(output), Vec::new());
        // By bytes: what a test prints need not be text.
        while reader.read_until(b'\n', &mut line)? > 0 {
            std::io::stdout().write_all(&line)?;
            count.add(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    Ok((count, child.wait()?.success()))
}

impl Count {
    /// Adds a closing line such as `test result: ok. 7 passed; 0 failed; 1 ignored; ...`, and nothing for any other.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in counts.split(';') {
            let Some((number, what)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut count = Count::default();
        for line in [
            "running 9 tests",
            "test result: ok. 7 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
            "test result: FAILED. 1 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s\n",
            "test result: nonsense",
        ] {
            count.add(line);
        }
        let expected = Count {
            passed: 8,
            failed: 3,
            ignored: 2,
        };
        assert_eq!(count, expected);
    }
}
