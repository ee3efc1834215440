//! The result table keeps every transport's latest row.

use std::collections::BTreeMap;

use polywire_core::Channel;
use polywire_core::memory::{Hub, MemoryChannel};
use polywire_testkit::table::{Row, read, write};

fn row(case: &str, verdict: &str) -> Row {
    let channel = MemoryChannel::new(Hub::new(polywire_core::Bounds::default()), 1000);
    Row {
        capability: channel.capability().clone(),
        cases: BTreeMap::from([(case.to_owned(), verdict.to_owned())]),
    }
}

#[test]
fn rows_are_merged_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/capabilities.json");
    assert!(read(&path).unwrap().is_empty());
    write(&path, "memory", row("calls::a", "failed")).unwrap();
    write(&path, "http", row("calls::a", "refused")).unwrap();
    write(&path, "memory", row("calls::a", "passed")).unwrap();
    let table = read(&path).unwrap();
    assert_eq!(table.keys().collect::<Vec<_>>(), ["http", "memory"]);
    assert_eq!(table["memory"], row("calls::a", "passed"));
    assert_eq!(table["http"], row("calls::a", "refused"));
    let files = std::fs::read_dir(path.parent().unwrap()).unwrap();
    assert_eq!(files.count(), 1, "a draft was left behind");
}

#[test]
fn a_file_that_is_no_table_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capabilities.json");
    std::fs::write(&path, "notes of mine").unwrap();
    let error = write(&path, "memory", row("calls::a", "passed")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "notes of mine");
}
