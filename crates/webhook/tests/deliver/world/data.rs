//! Where a world keeps what it has.

use std::sync::Arc;

use polywire_webhook::Clock;
use polywire_webhook::store::{PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store};
use tempfile::TempDir;

use crate::database::Database;

/// What keeps the data, gone with this value.
#[derive(Clone)]
pub(crate) enum Data {
    Sqlite(Arc<TempDir>),
    Postgres(Arc<Database>),
}

impl Data {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(Arc::new(tempfile::tempdir().unwrap()))
    }

    pub(crate) async fn postgres() -> Self {
        Self::Postgres(Arc::new(Database::make().await))
    }

    /// Opens the store, whose time a clock tells.
    pub(crate) async fn open(&self, clock: impl Clock + Clone) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(folder) => {
                let path = folder.path().join("webhooks.db");
                let options = SqliteOptions::new(path).clock(clock);
                Arc::new(SqliteStore::open(options).await.unwrap())
            }
            Self::Postgres(database) => {
                let options = PostgresOptions::new(&database.url).clock(clock);
                Arc::new(PostgresStore::open(options).await.unwrap())
            }
        }
    }
}
