//! `cargo xtask readme`: the capability table of README.md, generated from what the conformance suites found.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use serde_json::Value;

use crate::suites::{self, Row};
use crate::{Result, tree};

const FILE: &str = "README.md";
const BEGIN: &str = "<!-- capabilities: written by `cargo xtask readme` -->";
const END: &str = "<!-- /capabilities -->";

/// The columns: how configuration spells a capability, and how the table does.
const COLUMNS: [(&str, &str); 9] = [
    ("trust", "peers"),
    ("call", "call"),
    ("send", "send"),
    ("publish", "publish"),
    ("subscribe", "subscribe"),
    ("discover", "discover"),
    ("ordered_by_key", "order per key"),
    ("resume", "resume"),
    ("durable", "durable"),
];

/// What to do with the table.
#[derive(Clone, Debug, Args)]
#[non_exhaustive]
pub struct Arguments {
    /// Only say whether it is up to date
    #[arg(long)]
    pub check: bool,
}

/// Writes or checks the table.
///
/// # Errors
/// When the suites did not run, or README.md has no place for the table.
pub(crate) fn task(arguments: &Arguments) -> Result<()> {
    if arguments.check {
        return check();
    }
    let (text, updated) = texts()?;
    if text != updated {
        std::fs::write(tree::root().join(FILE), updated)?;
    }
    Ok(())
}

/// Checks that the table says what the suites found.
///
/// # Errors
/// When it does not.
pub(crate) fn check() -> Result<()> {
    let (text, updated) = texts()?;
    if text == updated {
        Ok(())
    } else {
        Err(format!(
            "the capability table of {FILE} is out of date: run `cargo xtask readme`, it becomes\n{}",
            table(&suites::read()?)
        )
        .into())
    }
}

/// README.md as it is, and as it should be.
fn texts() -> Result<(String, String)> {
    let text = tree::read(FILE)?;
    let updated = replaced(&text, &table(&suites::read()?))?;
    Ok((text, updated))
}

fn replaced(text: &str, table: &str) -> Result<String> {
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts
        .ok_or_else(|| format!("{FILE} has no place for the table: expected {BEGIN} and {END}"))?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

fn table(rows: &BTreeMap<String, Row>) -> String {
    let mut table = String::from("| |");
    for (_, title) in COLUMNS {
        let _ = write!(table, " {title} |");
    }
    table.push_str(" cases |\n|---|");
    table.push_str(&"---|".repeat(COLUMNS.len()));
    table.push_str("---|\n");
    let listed = suites::TRANSPORTS
        .into_iter()
        .filter_map(|name| rows.get_key_value(name));
    for (name, row) in listed {
        let _ = write!(table, "| {name} |");
        for (key, _) in COLUMNS {
            let _ = write!(table, " {} |", value(row.capability.get(key)));
        }
        let passed = row
            .cases
            .values()
            .filter(|outcome| outcome.as_str() == "passed");
        let _ = writeln!(table, " {} |", passed.count());
    }
    table
}

fn value(value: Option<&Value>) -> &str {
    match value {
        Some(Value::Bool(true)) => "yes",
        Some(Value::Bool(false)) => "no",
        Some(Value::String(text)) if text == "none" => "no",
        Some(Value::String(text)) => text,
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_goes_between_its_marks_and_nowhere_else() {
        let text = r#"{"memory": {
            "capability": {"trust": "trusted", "call": "native", "send": "none", "discover": true, "durable": false},
            "cases": {"a": "passed", "b": "refused", "c": "passed"}
        }, "other": {"capability": {}, "cases": {}}}"#;
        let table = table(&serde_json::from_str(text).unwrap());
        let expected = "\
| | peers | call | send | publish | subscribe | discover | order per key | resume | durable | cases |
|---|---|---|---|---|---|---|---|---|---|---|
| memory | trusted | native | no | ? | ? | yes | ? | ? | no | 2 |
";
        assert_eq!(table, expected);
        let updated = replaced(&format!("before\n{BEGIN}\nold\n{END}\nafter\n"), &table).unwrap();
        assert_eq!(updated, format!("before\n{BEGIN}\n{table}{END}\nafter\n"));
        assert_eq!(
            replaced("nothing", &table).unwrap_err().to_string(),
            format!("README.md has no place for the table: expected {BEGIN} and {END}")
        );
    }
}
