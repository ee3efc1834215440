//! Printing for people or for programs.

use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables on the standard output, mistakes on the standard error, a line each
    Text,
    /// One JSON value on the standard output
    Json,
}

/// Prints a value on the standard output.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)
}

/// Whoever closed the pipe has read enough.
pub(crate) fn printed(result: io::Result<()>) -> Result<(), String> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// One value for programs, or a text for people.
///
/// # Errors
/// When it cannot be printed, other than to somebody who has read enough.
pub(crate) fn print(
    format: Format,
    value: &impl Serialize,
    text: impl FnOnce() -> String,
) -> Result<(), String> {
    printed(match format {
        Format::Json => json(value),
        Format::Text => io::stdout()
            .lock()
            .write_all(text::trimmed(&text()).as_bytes()),
    })
}
