//! `polywire plugin status`.

use clap::Args;
use polywire::plugin::format::PluginName;
use polywire::plugin::publish::{AckStatus, PluginStatus, ReleaseStatus};

use super::open::{self, Reader, listed, told};
use super::print::{plain, short, short_or_none};
use super::wait::runs;
use crate::format::print;
use crate::text::{NONE, or_none, rows};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// This plugin alone [default: all]
    #[arg(long, value_name = "NAME")]
    plugin: Option<PluginName>,
    #[command(flatten)]
    at: Reader,
}

/// Shows it; returns whether all was done.
///
/// # Errors
/// What kept it from being done.
pub(super) fn act(Arguments { plugin, at }: &Arguments) -> Result<bool, String> {
    let inspector = at.open()?;
    if let Some(plugin) = plugin {
        open::plugin(&inspector, Some(plugin))?;
    }
    let mut status = inspector.status().map_err(|error| told(&error))?;
    if let Some(plugin) = plugin {
        status.plugins.retain(|found| found.plugin == *plugin);
    }
    print(at.format, &status, || {
        let mut text = format!("repository {}\n", status.repository);
        for plugin in &status.plugins {
            text.push_str(&one(plugin));
        }
        text
    })?;
    Ok(true)
}

fn one(status: &PluginStatus) -> String {
    let mut text = format!("\nplugin {}, ", status.plugin);
    match &status.index {
        None => text.push_str("never deployed\n"),
        Some(index) => {
            let key = or_none(status.signed_by);
            text.push_str(&format!("seq {}, signed by key {key}\n\n", index.seq));
            let majors = index.majors.iter().map(|(major, release)| {
                let before = index.previous.get(major);
                [major.to_string(), short(release), short_or_none(before)]
            });
            text.push_str(&rows(["major", "release", "before"], majors));
        }
    }
    let releases = status.releases.iter().map(release);
    text.push('\n');
    text.push_str(&rows(["release", "serves", "revoked"], releases));
    if !status.acks.is_empty() {
        let header = [
            "consumer",
            "seq",
            "does",
            "window",
            "lets calls in for",
            "told",
            "error",
        ];
        text.push('\n');
        text.push_str(&rows(header, status.acks.iter().map(consumer)));
    }
    text
}

fn release(status: &ReleaseStatus) -> [String; 3] {
    let majors = match status.majors.as_slice() {
        [] => NONE.to_owned(),
        majors => listed(majors),
    };
    let revoked = if status.revoked { "yes" } else { NONE };
    [short(&status.release), majors, revoked.to_owned()]
}

fn consumer(status: &AckStatus) -> [String; 7] {
    let ack = &status.ack;
    let behind = if status.current { "" } else { ", behind" };
    let wanted = ack.rollback_wanted.as_ref();
    let wanted = wanted.map(|release| format!("left {} and asks to take it back", short(release)));
    let error = ack.error.as_ref();
    let error = error.map(|error| {
        let about = error
            .release
            .as_ref()
            .map(|release| format!("{}: ", short(release)));
        let (code, message) = (plain(&error.code), plain(&error.message));
        format!("{}{code}: {message}", about.unwrap_or_default())
    });
    let wrong: Vec<String> = error.into_iter().chain(wanted).collect();
    [
        ack.instance.to_string(),
        format!("{}{behind}", ack.seq_seen),
        runs(ack),
        seconds(ack.window_ms),
        seconds(ack.lease_ms),
        format!("{} s ago", status.age_seconds),
        or_none((!wrong.is_empty()).then(|| wrong.join("; "))),
    ]
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}
