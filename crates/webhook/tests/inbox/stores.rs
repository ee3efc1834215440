//! The stores that every case runs over.

use std::sync::Arc;

use async_trait::async_trait;
use polywire_webhook::ManualClock;
use polywire_webhook::store::{PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store};
use tempfile::TempDir;

use crate::database::Database;
use crate::world::{Reopen, World};

/// A file in a folder of its own.
struct File(TempDir);

#[async_trait]
impl Reopen for File {
    async fn open(&self, clock: Option<ManualClock>) -> Arc<dyn Store> {
        let mut options = SqliteOptions::new(self.0.path().join("inbox.db"));
        if let Some(clock) = clock {
            options = options.clock(clock);
        }
        Arc::new(SqliteStore::open(options).await.unwrap())
    }
}

#[async_trait]
impl Reopen for Database {
    async fn open(&self, clock: Option<ManualClock>) -> Arc<dyn Store> {
        let mut options = PostgresOptions::new(&self.url);
        if let Some(clock) = clock {
            options = options.clock(clock);
        }
        Arc::new(PostgresStore::open(options).await.unwrap())
    }
}

pub(crate) fn sqlite() -> std::future::Ready<World> {
    std::future::ready(World::new(File(tempfile::tempdir().unwrap())))
}

pub(crate) async fn postgres() -> World {
    World::new(Database::make().await)
}
