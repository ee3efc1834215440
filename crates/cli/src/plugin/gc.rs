//! `polywire plugin gc`.

use std::time::Duration;

use clap::Args;
use polywire::plugin::format::PluginName;
use polywire::plugin::publish::{Keep, PublishError};
use serde_json::json;

use super::open::{self, Writer, told};
use super::print::plain;
use crate::format::print;
use crate::times::duration;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// How many of the highest versions are kept in any case
    #[arg(long, value_name = "NUMBER", default_value_t = Keep::default().versions)]
    keep: usize,
    /// The age from which a consumer that does not acknowledge any more counts as gone, well above the longest deployment window
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = duration)]
    gone_after: Duration,
    /// The plugin [default: the only one that there is]
    #[arg(long, value_name = "NAME")]
    plugin: Option<PluginName>,
    #[command(flatten)]
    at: Writer,
}

/// Removes what nobody needs; returns whether all was done.
///
/// # Errors
/// What kept it from being done.
pub(super) fn act(arguments: &Arguments) -> Result<bool, String> {
    let publisher = arguments.at.open()?;
    let plugin = open::plugin(&publisher, arguments.plugin.as_ref())?;
    let keep = Keep {
        versions: arguments.keep,
        acks: arguments.gone_after,
    };
    let collected = publisher.gc(&plugin, keep).map_err(|error| match error {
        PublishError::Refused(_) => format!(
            "{}: nothing is removed while it is unknown what is needed; \"polywire plugin verify\" names the file",
            told(&error)
        ),
        _ => told(&error),
    })?;
    let value = json!({
        "plugin": plugin,
        "releases": collected.releases,
        "acks": collected.acks,
    });
    print(arguments.at.format, &value, || {
        let releases = collected
            .releases
            .iter()
            .map(|id| format!("removed {id}\n"));
        let acks = collected.acks.iter();
        let acks = acks.map(|file| format!("removed the acknowledgement {}\n", plain(file)));
        let text: String = releases.chain(acks).collect();
        if text.is_empty() {
            "removed nothing\n".to_owned()
        } else {
            text
        }
    })?;
    Ok(true)
}
