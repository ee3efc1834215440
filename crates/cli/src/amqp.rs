//! `polywire amqp dead|parked list|replay|drop`: what RabbitMQ keeps aside, in an operator's hands.

mod act;
mod print;
mod shelf;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use polywire::Shelf;

use crate::fail;
use crate::format::Format;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    shelf: ShelfCommand,
}

#[derive(Debug, Subcommand)]
enum ShelfCommand {
    /// Messages that failed for good: rejected, unreadable, or out of attempts
    #[command(subcommand)]
    Dead(Action),
    /// Messages at a version that their group or provider does not take
    #[command(subcommand)]
    Parked(Action),
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what is there, oldest first
    List {
        #[command(flatten)]
        of: Of,
        /// How many letters are looked at
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Put messages back where they came from, with a fresh count of attempts
    Replay {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        which: Which,
    },
    /// Remove messages for good
    Drop {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        which: Which,
    },
}

/// Whose messages: those of a contract's commands, unless an event is named.
#[derive(Args, Debug)]
struct Of {
    /// The channel of the config file
    channel: String,
    /// One command of the contract; without it, and without an event, all commands
    #[arg(long, conflicts_with_all = ["event", "group"])]
    command: Option<String>,
    /// The event that a group subscribes to
    #[arg(long)]
    event: Option<String>,
    /// The group of subscribers; without it, those without one
    #[arg(long, requires = "event")]
    group: Option<String>,
    /// What the group requires, such as ^1.2 [default: what the channel requires]
    #[arg(long, requires = "event")]
    require: Option<String>,
    #[arg(
        long,
        help = "The config file [default: the one that POLYWIRE_CONFIG names, or polywire.toml]"
    )]
    config: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Which of them.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Which {
    /// By their ids, as they are listed
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All that are there now
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let (shelf, action) = match &arguments.shelf {
        ShelfCommand::Dead(action) => (Shelf::Dead, action),
        ShelfCommand::Parked(action) => (Shelf::Parked, action),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(act::run(shelf, action)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(&error),
    }
}
