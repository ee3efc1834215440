//! `polywire plugin beacon`.

use std::io::{self, Write};
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use polywire::plugin::format::{Beacon, PluginName};

use super::open::{self, Writer, told};
use crate::format::{Format, print, printed};
use crate::text::or_none;
use crate::times::{duration, show};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Says it again and again, this long after each other, until the command is ended
    #[arg(long, value_name = "DURATION", value_parser = pause)]
    every: Option<Duration>,
    /// The plugin [default: the only one that there is]
    #[arg(long, value_name = "NAME")]
    plugin: Option<PluginName>,
    #[command(flatten)]
    at: Writer,
}

fn pause(text: &str) -> Result<Duration, String> {
    let pause = duration(text)?;
    if pause.is_zero() {
        return Err("expected at least 1s".to_owned());
    }
    Ok(pause)
}

/// Writes a beacon, or one after another; returns whether all was done.
///
/// # Errors
/// What kept the first from being written. What keeps a later one is told, and tried again when the next is due.
pub(super) fn act(arguments: &Arguments) -> Result<bool, String> {
    let publisher = arguments.at.open()?;
    let plugin = open::plugin(&publisher, arguments.plugin.as_ref())?;
    let write = || publisher.beacon(&plugin).map_err(|error| told(&error));
    tell(&write()?, arguments.at.format)?;
    let Some(every) = arguments.every else {
        return Ok(true);
    };
    loop {
        sleep(every);
        match write() {
            Ok(beacon) => tell(&beacon, arguments.at.format)?,
            Err(error) => printed(writeln!(io::stderr(), "{error}"))?,
        }
    }
}

fn tell(beacon: &Beacon, format: Format) -> Result<(), String> {
    print(format, beacon, || {
        let issued = i64::try_from(beacon.issued_ms).ok();
        let issued = issued.and_then(|at| Timestamp::from_millisecond(at).ok());
        format!(
            "{} seq {} at {}\n",
            beacon.plugin,
            beacon.seq,
            or_none(issued.map(show))
        )
    })
}
