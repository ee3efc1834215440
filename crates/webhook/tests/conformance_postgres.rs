//! The conformance suite over webhooks, with stores in PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "support/database.rs"]
mod database;
#[path = "support/worlds.rs"]
mod worlds;

use std::process::ExitCode;

use async_trait::async_trait;
use parking_lot::Mutex;
use polywire_core::Result;
use polywire_webhook::StoreConfig;

use database::Database;
use worlds::{Stores, Webhook};

/// Databases that nobody uses. To make one takes far longer than to clear one.
static FREE: Mutex<Vec<Database>> = Mutex::new(Vec::new());

/// A database for each end: it has the schemas of both purposes.
struct Databases;

/// One that is used.
struct Lent(Option<Database>);

impl Drop for Lent {
    fn drop(&mut self) {
        FREE.lock().extend(self.0.take());
    }
}

#[async_trait]
impl Stores for Databases {
    type Kept = Lent;

    async fn store(&self) -> Result<(StoreConfig, Lent)> {
        let free = FREE.lock().pop();
        let database = match free {
            Some(free) => free.cleared().await,
            None => Database::make().await,
        };
        let url = database.url.clone();
        Ok((StoreConfig::Postgres(url), Lent(Some(database))))
    }
}

fn main() -> ExitCode {
    let code = polywire_testkit::main("webhook-postgres", Webhook(Databases));
    FREE.lock().clear();
    code
}
