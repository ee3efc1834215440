//! `polywire webhook ...`: what a provider of webhooks keeps for its subscribers, in an operator's hands.

mod deliveries;
mod keys;
mod open;
mod print;
mod replay;
mod subscriptions;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::fail;
use crate::format::Format;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    of: Of,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists, shows, pauses, resumes and ends subscriptions
    #[command(subcommand)]
    Subscriptions(subscriptions::Action),
    /// Lists deliveries, or shows one with its attempts
    #[command(subcommand)]
    Deliveries(deliveries::Action),
    /// Delivers again what was given up, parked or accepted
    Replay(replay::Arguments),
    /// Makes a new key for a subscription, which is shown this once; the key before it signs on for a day
    ///
    /// Its sink is asked for its consent, signed with both, for up to half a minute. A subscriber on Polywire then makes
    /// a key of its own by itself.
    Rotate {
        /// The subscription
        #[arg(value_name = "SUBSCRIPTION")]
        id: String,
    },
    /// Sends a signed test to the sink of a subscription, once, whatever its state
    Test {
        /// The subscription
        #[arg(value_name = "SUBSCRIPTION")]
        id: String,
    },
}

/// Whose store, and how to print.
#[derive(Args, Debug)]
struct Of {
    /// The channel of the config file, whose contract alone is meant [default: all that are provided by webhooks]
    #[arg(long, global = true)]
    channel: Option<String>,
    #[arg(
        long,
        global = true,
        help = "The config file [default: the one that POLYWIRE_CONFIG names, or polywire.toml]"
    )]
    config: Option<PathBuf>,
    /// How to print
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(act(arguments)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(&error),
    }
}

/// Does it; returns whether everything asked for was done.
///
/// # Errors
/// What kept it from being done.
async fn act(Arguments { command, of }: &Arguments) -> Result<bool, String> {
    // Before anything is opened, so that what is asked wrongly is told first.
    let asked = match command {
        Command::Subscriptions(action) => Asked::Subscriptions(action.read()?),
        Command::Deliveries(action) => Asked::Deliveries(action.read()?),
        Command::Replay(arguments) => Asked::Replay(arguments.read()?),
        Command::Rotate { id } => Asked::Rotate(open::id(id)?),
        Command::Test { id } => Asked::Test(open::id(id)?),
    };
    let opened = open::open(of).await?;
    let done = match asked {
        Asked::Subscriptions(asked) => subscriptions::act(&opened, asked, of.format).await,
        Asked::Deliveries(asked) => deliveries::act(&opened, asked, of.format).await,
        Asked::Replay(asked) => replay::act(&opened, asked, of.format).await,
        Asked::Rotate(id) => keys::rotate(&opened, &id, of.format).await,
        Asked::Test(id) => keys::test(&opened, &id, of.format).await,
    };
    opened.operator.close().await;
    done
}

/// What was asked for, read.
enum Asked {
    Subscriptions(subscriptions::Asked),
    Deliveries(deliveries::Asked),
    Replay(replay::Asked),
    Rotate(open::Id),
    Test(open::Id),
}
