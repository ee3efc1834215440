//! Processes that use a store are killed, again and again, whatever they are doing: what they were told to be kept is kept,
//! and nothing is done twice.
//!
//! The program is both sides: with [`STORE`] in its environment it is the process to be killed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod after;
mod before;
#[path = "../support/database.rs"]
mod database;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use polywire_webhook::record::SubscriptionId;
use polywire_webhook::store::{PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store};
use rand::RngExt;
use tokio::runtime::Runtime;

use database::Database;

/// Which store, for the process to be killed: an URL, or a file.
const STORE: &str = "POLYWIRE_TEST_CRASH_STORE";
/// Whose deliveries.
const SUBSCRIPTION: &str = "POLYWIRE_TEST_CRASH_SUBSCRIPTION";
/// Which life of the process it is.
const LIFE: &str = "POLYWIRE_TEST_CRASH_LIFE";
/// How often it is killed.
const KILLS: usize = 25;

fn main() {
    if let Ok(store) = std::env::var(STORE) {
        before::work(&store);
        return;
    }
    let trials = vec![
        Trial::test("a_killed_process_loses_nothing_in_sqlite", || {
            let folder = tempfile::tempdir()?;
            lives(folder.path().join("webhooks.db").to_str().unwrap());
            Ok(())
        }),
        Trial::test("a_killed_process_loses_nothing_in_postgres", || {
            let database = Runtime::new()?.block_on(Database::make());
            lives(&database.url);
            Ok(())
        }),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// What a process said before it was killed.
#[derive(Default)]
struct Said {
    kept: BTreeSet<String>,
    done: BTreeSet<String>,
}

fn lives(store: &str) {
    let runtime = Runtime::new().unwrap();
    let subscription = SubscriptionId::random();
    runtime.block_on(async {
        let store = open(store).await;
        store.create(&subscription, before::terms()).await.unwrap();
        store.close().await;
    });
    let mut said = Said::default();
    for life in 0..KILLS {
        let lines = rand::rng().random_range(1..300);
        live(store, &subscription, life, lines, &mut said);
    }
    assert!(!said.kept.is_empty() && !said.done.is_empty());
    let opened = runtime.block_on(open(store));
    runtime.block_on(after::check(&*opened, &subscription, &said));
}

/// One process, killed once it has said so many lines.
fn live(store: &str, subscription: &SubscriptionId, life: usize, lines: usize, said: &mut Said) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(STORE, store)
        .env(SUBSCRIPTION, subscription.as_str())
        .env(LIFE, life.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    let mut read = 0;
    while output.read_line(&mut line).unwrap() > 0 {
        read += 1;
        if read == lines {
            child.kill().unwrap();
        }
        // What it was killed in the middle of saying, it has not said.
        if let Some(line) = line.strip_suffix('\n') {
            match line.split_once(' ') {
                Some(("kept", id)) => assert!(said.kept.insert(id.into()), "{id} is kept twice"),
                Some(("done", id)) => assert!(said.done.insert(id.into()), "{id} is done twice"),
                _ => panic!("{line}"),
            }
        }
        line.clear();
    }
    child.wait().unwrap();
    assert!(read >= lines, "it ended by itself after {read} lines");
}

async fn open(store: &str) -> Arc<dyn Store> {
    if store.starts_with("postgres") {
        Arc::new(
            PostgresStore::open(PostgresOptions::new(store))
                .await
                .unwrap(),
        )
    } else {
        Arc::new(SqliteStore::open(SqliteOptions::new(store)).await.unwrap())
    }
}
