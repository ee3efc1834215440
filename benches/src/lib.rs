//! What Polywire costs beside what it replaces.
//!
//! `cargo run --release -p polywire-benches -- [memory|http|amqp|webhook|plugin|all] [--quick]` prints tables and writes
//! `benches/RESULTS.md`; `cargo bench -p polywire-benches` runs the memory call under criterion.

pub mod amqp;
pub mod contract;
pub mod cpu;
pub mod http;
pub mod machine;
pub mod memory;
pub mod payload;
pub mod plugin;
pub mod processor;
pub mod report;
pub mod stats;
pub mod webhook;

use std::io;

use tokio::runtime::{Builder, Runtime};

/// What every contender runs on, at both ends: one worker thread.
///
/// # Errors
/// When its thread cannot be started.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}
