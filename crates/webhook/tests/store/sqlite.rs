//! What only a file does.

use polywire_core::ErrorKind;
use polywire_webhook::store::{SqliteOptions, SqliteStore};

#[tokio::test]
async fn what_is_no_file_of_ours_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    std::fs::write(
        &path,
        "no database, however long this text may become".repeat(100),
    )
    .unwrap();
    let error = SqliteStore::open(SqliteOptions::new(&path))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert_eq!(
        error.to_string(),
        "open in the webhook store: file is not a database"
    );

    let error = SqliteStore::open(SqliteOptions::new(folder.path().join("no/such/folder")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);

    let path = folder.path().join("later");
    let later = rusqlite::Connection::open(&path).unwrap();
    later.pragma_update(None, "user_version", 99).unwrap();
    drop(later);
    let error = SqliteStore::open(SqliteOptions::new(&path))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "the webhook store has schema 99: this version knows up to 1; use the version that made it, or a later one"
    );
}
