//! `polywire check [FILE]`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use polywire::{Polywire, Report};

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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Tables on the standard output, mistakes on the standard error, a line each
    Text,
    /// One JSON object on the standard output
    Json,
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
        Format::Json => print_json(&report),
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

fn print_json(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, report)?;
    writeln!(out)
}
