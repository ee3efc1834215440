//! What the conformance suites leave behind: a row for each transport that they ran over.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use crate::{Result, tree};

/// The transports, in the order in which they are listed.
pub(crate) const TRANSPORTS: [&str; 5] = ["memory", "http", "amqp", "webhook", "plugin"];

/// The suites that must run: one for each transport, and one for each further store that a transport may have.
pub(crate) const ALL: [&str; 6] = [
    "memory",
    "http",
    "amqp",
    "webhook",
    "webhook-postgres",
    "plugin",
];

/// The variable that tells the suites where to write.
pub(crate) const VARIABLE: &str = "POLYWIRE_TEST_CAPABILITIES";

/// One transport's row, as the testkit writes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    /// What its channels claim, by the names that configuration uses.
    pub(crate) capability: BTreeMap<String, Value>,
    /// What became of each case.
    pub(crate) cases: BTreeMap<String, String>,
}

/// Where the suites write.
pub(crate) fn file() -> PathBuf {
    tree::target().join("polywire").join("capabilities.json")
}

/// Removes what an earlier run left, so that it cannot pass for this one's.
///
/// # Errors
/// When it cannot be removed.
pub(crate) fn forget() -> Result<()> {
    match std::fs::remove_file(file()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", file().display()).into())
        }
        _ => Ok(()),
    }
}

/// The rows of the latest run.
///
/// # Errors
/// When there was none, with how to get one.
pub(crate) fn read() -> Result<BTreeMap<String, Row>> {
    let text = tree::read_path(&file()).map_err(|error| {
        format!("{error}: the conformance suites write it, run `cargo xtask test`")
    })?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file().display()).into())
}

/// Checks that the suite of each named transport ran and passed.
///
/// # Errors
/// Names those that did not run, and the cases that failed.
pub(crate) fn check(transports: &[String]) -> Result<()> {
    let wrong = wrong(&read()?, transports);
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

fn wrong(rows: &BTreeMap<String, Row>, transports: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    for transport in transports {
        match rows.get(transport) {
            None => wrong.push(format!(
                "the conformance suite did not run over {transport}: found {:?}",
                rows.keys().collect::<Vec<_>>()
            )),
            Some(row) if !row.cases.values().any(|outcome| outcome == "passed") => {
                wrong.push(format!("no conformance case passed over {transport}"));
            }
            Some(row) => wrong.extend(
                row.cases
                    .iter()
                    .filter(|(_, outcome)| outcome.starts_with("failed"))
                    .map(|(case, _)| format!("{transport}::{case} failed")),
            ),
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_that_did_not_run_is_found() {
        let text = r#"{
            "memory": {"capability": {}, "cases": {"calls::round_trip": "passed", "calls::panic": "failed"}},
            "http": {"capability": {}, "cases": {"calls::round_trip": "not applicable: no replicas"}}
        }"#;
        let rows = serde_json::from_str(text).unwrap();
        let transports = ["memory", "http", "amqp"].map(str::to_owned);
        assert_eq!(
            wrong(&rows, &transports),
            [
                "memory::calls::panic failed",
                "no conformance case passed over http",
                "the conformance suite did not run over amqp: found [\"http\", \"memory\"]",
            ]
        );
    }
}
