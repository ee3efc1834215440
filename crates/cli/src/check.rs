//! `polywire check [FILE]`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use polywire::{Polywire, Report};

use crate::format::{self, Format};
use crate::text;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(
        help = "The config file [default: the one that POLYWIRE_CONFIG names, or polywire.toml]"
    )]
    file: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let builder = Polywire::builder();
    let builder = match &arguments.file {
        Some(file) => builder.config_file(file),
        None => builder,
    };
    let report = builder.check();
    let printed = match arguments.format {
        Format::Text => print_text(&report),
        Format::Json => format::json(&report),
    };
    // Whoever closed the pipe has read enough; the verdict stands.
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ if report.is_good() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn print_text(report: &Report) -> io::Result<()> {
    io::stdout()
        .lock()
        .write_all(text::channels(report).as_bytes())?;
    io::stderr()
        .lock()
        .write_all(text::mistakes(report).as_bytes())
}
