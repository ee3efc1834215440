//! The tasks by name.

use clap::Parser;

use crate::{Result, bench, broker, check, demo, readme, sanitize, test};

/// The project's tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
#[non_exhaustive]
pub enum Task {
    /// Process the orders of a data file over every available transport with nothing but another configuration
    Demo(demo::Arguments),
    /// Run every test: unit, integration, conformance and documentation tests, then the checks on the tree
    Test(test::Arguments),
    /// Check the format, the lints and the documentation
    Check,
    /// Run the tests that cross the C interface of plugins under address sanitizer
    Sanitize,
    /// Measure, print ratios and write benches/RESULTS.md
    Bench(bench::Arguments),
    /// A RabbitMQ of your own to work with: one node, or a cluster
    #[command(subcommand)]
    Broker(broker::Arguments),
    /// Write the capability table into README.md, from what the conformance suites found
    Readme(readme::Arguments),
}

impl Task {
    /// Runs the task.
    ///
    /// # Errors
    /// What went wrong, in one text.
    pub fn run(&self) -> Result<()> {
        match self {
            Self::Demo(arguments) => demo::task(arguments),
            Self::Test(arguments) => test::task(arguments),
            Self::Check => check::task(),
            Self::Sanitize => sanitize::task(),
            Self::Bench(arguments) => bench::task(arguments),
            Self::Broker(arguments) => broker::task(*arguments),
            Self::Readme(arguments) => readme::task(arguments),
        }
    }
}
