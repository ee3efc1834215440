//! The conformance suite over webhooks, with embedded stores.

#[path = "support/worlds.rs"]
mod worlds;

use std::process::ExitCode;

use async_trait::async_trait;
use polywire_core::{Error, ErrorKind, Result};
use polywire_webhook::StoreConfig;
use tempfile::TempDir;

use worlds::{Stores, Webhook};

/// A directory for each end.
struct Directories;

#[async_trait]
impl Stores for Directories {
    type Kept = TempDir;

    async fn store(&self) -> Result<(StoreConfig, TempDir)> {
        let directory = tempfile::tempdir().map_err(|error| {
            Error::new(ErrorKind::Config, "no directory for a store").caused_by(error)
        })?;
        Ok((StoreConfig::Directory(directory.path().into()), directory))
    }
}

fn main() -> ExitCode {
    polywire_testkit::main("webhook", Webhook(Directories))
}
