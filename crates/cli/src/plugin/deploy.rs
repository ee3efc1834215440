//! `polywire plugin deploy`.

use std::collections::BTreeSet;

use clap::Args;
use polywire::plugin::format::PluginName;
use polywire::plugin::publish::{Deploy, Rollout};
use serde::Serialize;

use super::open::{self, Writer, told};
use super::print::Changed;
use super::wait::Wait;
use crate::format::{Format, print};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The release: its version, or its id
    release: String,
    /// The plugin [default: the only one that there is]
    #[arg(long, value_name = "NAME")]
    plugin: Option<PluginName>,
    /// A major version of contracts that it is to serve [default: every one that it can]
    #[arg(long, value_name = "MAJOR")]
    major: Vec<u64>,
    /// The number that the index must still have, where somebody has looked at it
    #[arg(long, value_name = "NUMBER")]
    expected_seq: Option<u64>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    at: Writer,
}

/// What programs are told.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    changed: Changed,
    /// Who follows, where that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout: Option<Rollout>,
}

/// Deploys; returns whether every consumer follows, where that was asked.
///
/// # Errors
/// What kept it from being done.
pub(super) fn act(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { wait, at, .. } = arguments;
    let publisher = at.open()?;
    let plugin = open::plugin(&publisher, arguments.plugin.as_ref())?;
    let release = open::release(&publisher, &plugin, &arguments.release)?;
    let failed = |error| told(&error);
    let majors: BTreeSet<u64> = if arguments.major.is_empty() {
        publisher
            .manifest(&plugin, &release)
            .map_err(failed)?
            .majors()
    } else {
        arguments.major.iter().copied().collect()
    };
    let before = publisher.index(&plugin).map_err(failed)?;
    let before = before.map(|(index, _)| index);
    let seq = before.as_ref().map_or(0, |index| index.seq);
    let deploy = Deploy {
        release,
        majors: majors.clone(),
        // What is told as replaced is what was there.
        expected_seq: Some(arguments.expected_seq.unwrap_or(seq)),
    };
    let index = publisher.deploy(&plugin, &deploy).map_err(failed)?;
    let changed = Changed::new(before.as_ref(), &index, majors);
    let Some(patience) = wait.patience() else {
        changed.print(at.format)?;
        return Ok(true);
    };
    if at.format == Format::Text {
        changed.print(at.format)?;
    }
    let rollout = super::wait::wait(&publisher, &index, patience)?;
    let good = super::wait::follow(&rollout);
    let text = super::wait::verdict(&rollout);
    let told = Told {
        changed,
        rollout: Some(rollout),
    };
    print(at.format, &told, || text)?;
    Ok(good)
}
