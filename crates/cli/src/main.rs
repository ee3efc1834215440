//! The `polywire` command: `polywire check` says what a configuration comes to, before anything is started.
//!
//! It knows the transports that this build of Polywire has. A program that registers its own prints the same report
//! from `Polywire::builder().transport(...).check()`.

mod check;
mod text;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Checks what Polywire is told, before anything is started.
#[derive(Debug, Parser)]
#[command(name = "polywire", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints each channel with its transport, why it is on it and what it can do, and everything that is wrong.
    ///
    /// Exits with 0 when nothing is wrong, with 1 when something is, with 2 when the command is called wrongly.
    Check(check::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Check(arguments) => check::run(&arguments),
    }
}
