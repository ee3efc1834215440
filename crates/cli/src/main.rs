//! The `polywire` command: `polywire check` says what a configuration comes to, before anything is started; `polywire amqp`
//! shows what RabbitMQ keeps aside, and puts it back or removes it; `polywire webhook` shows what a provider of webhooks keeps, and
//! delivers it again, makes keys and tests sinks; `polywire plugin` publishes plugins and deploys them.
//!
//! It knows the transports that this build of Polywire has. A program that registers its own prints the same report
//! from `Polywire::builder().transport(...).check()`.

mod amqp;
mod check;
mod format;
mod plugin;
mod text;
mod times;
mod webhook;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// For whoever operates services on Polywire.
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
    /// Lists, replays and drops the dead and parked messages of a channel on RabbitMQ.
    ///
    /// Exits with 0 when all was done, with 1 when something was not, with 2 when the command is called wrongly.
    Amqp(amqp::Arguments),
    /// Shows subscriptions and deliveries of a provider of webhooks, delivers again, makes new keys, tests sinks.
    ///
    /// It works on the provider's store, beside the provider, which takes over what is changed within a second.
    ///
    /// Exits with 0 when all was done, with 1 when something was not, with 2 when the command is called wrongly.
    Webhook(webhook::Arguments),
    /// Publishes plugins to a repository, deploys and revokes them, and shows who runs what.
    ///
    /// Exits with 0 when all was done, with 1 when something was not, with 2 when the command is called wrongly.
    Plugin(plugin::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Amqp(arguments) => amqp::run(&arguments),
        Command::Webhook(arguments) => webhook::run(&arguments),
        Command::Plugin(arguments) => plugin::run(&arguments),
    }
}

/// Prints what kept everything from being done.
fn fail(text: &str) -> ExitCode {
    // There is nowhere else to say that it cannot be said.
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::FAILURE
}
