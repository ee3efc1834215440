//! Run with `cargo xtask help`.

use std::process::ExitCode;

use clap::Parser;
use xtask::Task;

fn main() -> ExitCode {
    match Task::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "a program's last word")]
            {
                eprintln!("error: {error}");
            }
            ExitCode::FAILURE
        }
    }
}
