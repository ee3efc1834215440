//! `cargo xtask bench`: runs the measuring program in release mode.

use clap::{Args, ValueEnum};

use crate::Result;
use crate::command::{cargo, run};

/// What to measure.
#[derive(Clone, Debug, Args)]
#[non_exhaustive]
pub struct Arguments {
    /// Which part
    #[arg(value_enum, default_value_t = Part::All)]
    pub part: Part,
    /// A minute of coarse figures instead of several of good ones
    #[arg(long)]
    pub quick: bool,
}

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Part {
    /// Calls within one process
    Memory,
    /// Calls over HTTP, beside a bare axum and reqwest program and tonic
    Http,
    /// Events and calls over RabbitMQ, beside bare lapin
    Amqp,
    /// Events kept and delivered over webhooks, beside a bare batch of SQLite and bare signed posts
    Webhook,
    /// Calls into plugins, beside a bare function of a library
    Plugin,
    /// Everything
    All,
}

/// Builds and runs the measurements.
///
/// # Errors
/// When they fail.
pub(crate) fn task(arguments: &Arguments) -> Result<()> {
    let part = match arguments.part {
        Part::Memory => "memory",
        Part::Http => "http",
        Part::Amqp => "amqp",
        Part::Webhook => "webhook",
        Part::Plugin => "plugin",
        Part::All => "all",
    };
    // What is loaded is built beside what loads it.
    let plugins = [
        "build",
        "--release",
        "--package",
        "polywire-benches",
        "--examples",
    ];
    run(cargo(plugins))?;
    let mut words = vec![
        "run",
        "--release",
        "--package",
        "polywire-benches",
        "--",
        part,
    ];
    if arguments.quick {
        words.push("--quick");
    }
    run(cargo(words))
}
