//! The project's tasks: `cargo xtask demo`, `test`, `check`, `sanitize`, `bench`, `broker` and `readme`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to whoever runs them"
)]

mod alone;
mod arrows;
mod bench;
mod broker;
mod check;
mod command;
mod compose;
mod debian;
pub mod demo;
pub mod interop;
mod postgres;
mod prose;
mod readme;
mod sanitize;
mod suites;
mod task;
mod test;
mod tree;

pub use task::Task;

/// What a task ends with: nothing, or why it failed in one text.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
