//! The transport under faults: processes that are frozen and killed lose nothing, and do nothing twice that they need not.
//!
//! The program is all sides: with [`ROLE`](process::ROLE) in its environment it is one of the processes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "../support/database.rs"]
mod database;
mod frozen;
mod killed;
mod process;
#[path = "../support/sink.rs"]
mod sink;
#[path = "../support/watched.rs"]
mod watched;
#[path = "../deliver/world/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "each test target uses its own part"
)]
mod world;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use frozen::Beats;

fn main() {
    if let Some(role) = process::role() {
        process::run(&role);
        return;
    }
    let trials = vec![
        trial(
            "a_frozen_worker_is_refused_what_another_has_completed",
            || frozen::taken_over(Beats::Prompt),
        ),
        trial("a_frozen_worker_is_refused_by_its_fence_alone", || {
            frozen::taken_over(Beats::Withheld)
        }),
        trial(
            "two_hundred_kills_lose_nothing_in_sqlite",
            killed::in_sqlite,
        ),
        trial("kills_lose_nothing_in_postgres", killed::in_postgres),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trial<F: Future<Output = ()>>(name: &str, test: impl Fn() -> F + Send + 'static) -> Trial {
    Trial::test(name, move || {
        Runtime::new()?.block_on(test());
        Ok::<_, Failed>(())
    })
}
