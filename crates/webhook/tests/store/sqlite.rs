//! What only a file does.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use polywire_core::{ErrorKind, Result};
use polywire_webhook::ManualClock;
use polywire_webhook::record::SubscriptionId;
use polywire_webhook::store::{Enqueued, SqliteOptions, SqliteStore, Store};
use tempfile::TempDir;

use crate::world::{Reopen, World, new, sequence, terms};

/// A file in a folder of its own.
struct File(TempDir);

#[async_trait]
impl Reopen for File {
    async fn open(&self, clock: ManualClock) -> Arc<dyn Store> {
        let options = SqliteOptions::new(self.0.path().join("webhooks.db")).clock(clock);
        Arc::new(SqliteStore::open(options).await.unwrap())
    }
}

pub(crate) async fn world() -> World {
    World::new(File(tempfile::tempdir().unwrap())).await
}

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
    assert!(
        error
            .to_string()
            .starts_with("the webhook store's file cannot be opened: "),
        "{error}"
    );

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
        "the webhook store has schema 99: this version knows up to 2; use the version that made it, or a later one"
    );
}

#[tokio::test]
async fn one_that_cannot_be_kept_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("webhooks.db");
    let store = SqliteStore::open(SqliteOptions::new(&path)).await.unwrap();
    let id = SubscriptionId::random();
    store.create(&id, terms("acme", "orders")).await.unwrap();
    let beside = rusqlite::Connection::open(&path).unwrap();
    let refuses = "create trigger refuses before insert on delivery when new.webhook_id = 'bad'
                   begin select raise(abort, 'refused'); end";
    beside.execute_batch(refuses).unwrap();

    // While another process writes, all of these gather.
    beside.execute_batch("begin immediate").unwrap();
    let batch = |names: &[&str]| names.iter().map(|name| new(&id, name)).collect();
    let batches = [batch(&["a", "b"]), batch(&["c", "bad"]), batch(&["d", "a"])];
    let release = async { beside.execute_batch("commit").unwrap() };
    let all = join_all(batches.map(|batch: Vec<_>| store.enqueue(batch)));
    let (answers, ()) = tokio::join!(all, release);

    let error = answers[1].as_ref().unwrap_err();
    assert_eq!(
        error.to_string(),
        "enqueue in the webhook store: refused",
        "{error:?}"
    );
    let sequences = |answer: &Result<Vec<Enqueued>>| -> Vec<Option<u64>> {
        answer.as_ref().unwrap().iter().map(sequence).collect()
    };
    assert_eq!(sequences(&answers[0]), [Some(1), Some(2)]);
    // What was kept already is not kept again, and nothing of the batch that failed is.
    assert_eq!(sequences(&answers[2]), [Some(3), None]);
    assert!(matches!(
        answers[2].as_ref().unwrap()[1],
        Enqueued::Duplicate { sequence: 1, .. }
    ));
    let after = store.enqueue(batch(&["c"])).await;
    assert_eq!(sequences(&after), [Some(4)]);
    store.close().await;
}

#[tokio::test]
async fn one_that_must_be_there_is_neither_made_nor_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("webhooks.db");
    let existing = || SqliteStore::open(SqliteOptions::new(&path).existing());
    let error = existing().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(!path.exists());

    let running = SqliteStore::open(SqliteOptions::new(&path)).await.unwrap();
    let id = SubscriptionId::random();
    running.create(&id, terms("acme", "orders")).await.unwrap();
    let beside = existing().await.unwrap();
    assert!(beside.subscription(&id).await.unwrap().is_some());
    assert!(beside.remove(&id).await.unwrap());
    assert!(running.subscription(&id).await.unwrap().is_none());
    beside.close().await;
    running.close().await;

    for (version, expected) in [
        (
            1,
            "the webhook store has schema 1, and this version works with 2: ",
        ),
        (
            99,
            "the webhook store has schema 99: this version knows up to 2; ",
        ),
    ] {
        let other = rusqlite::Connection::open(&path).unwrap();
        other.pragma_update(None, "user_version", version).unwrap();
        drop(other);
        let error = existing().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteOptions::new(folder.path().join("webhooks.db")))
        .await
        .unwrap();
    store
        .create(&SubscriptionId::random(), terms("acme", "orders"))
        .await
        .unwrap();
    let mut files = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        files += 1;
    }
    assert_eq!(files, 3, "the file, its log and the log's index");
}
