//! `polywire plugin ...`: a repository of plugins, in the hands of who publishes to it and of who looks after it.

mod beacon;
mod deploy;
mod gc;
mod key;
mod open;
mod package;
mod print;
mod status;
mod undo;
mod verify;
mod wait;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::fail;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a key that signs, and prints its public key, which consumers are configured with
    #[command(long_about = key::ABOUT)]
    Keygen(key::Arguments),
    /// Makes a release of built libraries, in a folder, and prints which one it is
    ///
    /// Name, version and contracts are those that the library for this machine tells. Packing loads it, which runs its constructors;
    /// it is not configured, and takes no calls.
    Pack(package::Pack),
    /// Signs a release and puts it into the repository for good, and prints which one it is; nothing runs it before it is deployed
    ///
    /// Libraries are packed first, which loads the one for this machine and runs its constructors.
    Publish(package::Publish),
    /// Lets a release serve its majors from now on, once every byte of it was checked, and prints what it replaced
    Deploy(deploy::Arguments),
    /// Lets a major be served by the release before
    Rollback(undo::Rollback),
    /// Forbids a release: consumers stop it at their next contact, without letting its calls end
    ///
    /// Majors that it serves go back to the release before, or end.
    Revoke(undo::Revoke),
    /// Shows which release serves what, which releases there are, and what consumers say that they run
    Status(status::Arguments),
    /// Removes releases that nobody needs, and acknowledgements of consumers that are gone
    ///
    /// What the index names, what it named before and what an acknowledgement says to run is kept, however old it is.
    Gc(gc::Arguments),
    /// Checks every signature, every digest and every name in the repository; changes nothing
    Verify(verify::Arguments),
    /// Says that the publisher is there, for consumers who may only read the repository
    ///
    /// To be repeated at least every quarter of their deployment window: they stop otherwise.
    Beacon(beacon::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let done = match &arguments.command {
        Command::Keygen(arguments) => key::generate(arguments),
        Command::Pack(arguments) => package::pack(arguments),
        Command::Publish(arguments) => package::publish(arguments),
        Command::Deploy(arguments) => deploy::act(arguments),
        Command::Rollback(arguments) => undo::rollback(arguments),
        Command::Revoke(arguments) => undo::revoke(arguments),
        Command::Status(arguments) => status::act(arguments),
        Command::Gc(arguments) => gc::act(arguments),
        Command::Verify(arguments) => verify::act(arguments),
        Command::Beacon(arguments) => beacon::act(arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(&error),
    }
}
