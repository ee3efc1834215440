//! Runs the programs that tasks are made of, so that each shows what it runs and how it failed.

use std::path::Path;
use std::process::Command;

use crate::{Result, tree};

/// Cargo, in the project's root.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(tree::root());
    command
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started, or ends with anything but success.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let text = announce(&command);
    let status = command
        .status()
        .map_err(|error| format!("cannot run {text}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{text}: {status}").into())
    }
}

/// Shows a command as a person would type it.
pub(crate) fn announce(command: &Command) -> String {
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy());
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let text = std::iter::once(program.to_string_lossy())
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ");
    eprintln!("$ {text}");
    text
}
