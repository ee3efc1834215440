//! `polywire plugin rollback` and `revoke`.

use clap::Args;
use polywire::plugin::format::PluginName;
use serde_json::json;

use super::open::{self, Writer, listed, told};
use super::print::{Changed, short};
use crate::format::print;

#[derive(Args, Debug)]
pub(super) struct Rollback {
    /// The major version of contracts [default: the only one that is served]
    #[arg(long, value_name = "MAJOR")]
    major: Option<u64>,
    /// The release that is to serve it: its version, or its id [default: the one before]
    #[arg(long, value_name = "RELEASE")]
    to: Option<String>,
    /// The plugin [default: the only one that there is]
    #[arg(long, value_name = "NAME")]
    plugin: Option<PluginName>,
    #[command(flatten)]
    at: Writer,
}

#[derive(Args, Debug)]
pub(super) struct Revoke {
    /// The release: its version, or its id
    release: String,
    /// The plugin [default: the only one that there is]
    #[arg(long, value_name = "NAME")]
    plugin: Option<PluginName>,
    #[command(flatten)]
    at: Writer,
}

/// Goes back; returns whether all was done.
///
/// # Errors
/// What kept it from being done.
pub(super) fn rollback(arguments: &Rollback) -> Result<bool, String> {
    let publisher = arguments.at.open()?;
    let plugin = open::plugin(&publisher, arguments.plugin.as_ref())?;
    let to = arguments.to.as_deref();
    let to = to
        .map(|text| open::release(&publisher, &plugin, text))
        .transpose()?;
    let before = publisher.index(&plugin).map_err(|error| told(&error))?;
    let before = before.map(|(index, _)| index);
    let served: Vec<u64> = before
        .iter()
        .flat_map(|index| index.majors.keys().copied())
        .collect();
    let major = match (arguments.major, served.as_slice()) {
        (Some(major), _) => major,
        (None, [one]) => *one,
        (None, []) => {
            return Err(format!(
                "nothing of plugin {plugin} is deployed: deploy a release"
            ));
        }
        (None, several) => {
            return Err(format!(
                "plugin {plugin} is deployed for several majors, {}: add --major",
                listed(several)
            ));
        }
    };
    let index = publisher
        .rollback(&plugin, major, to.as_ref())
        .map_err(|error| told(&error))?;
    Changed::new(before.as_ref(), &index, [major]).print(arguments.at.format)?;
    Ok(true)
}

/// Revokes; returns whether all was done.
///
/// # Errors
/// What kept it from being done.
pub(super) fn revoke(arguments: &Revoke) -> Result<bool, String> {
    let publisher = arguments.at.open()?;
    let plugin = open::plugin(&publisher, arguments.plugin.as_ref())?;
    let release = open::release(&publisher, &plugin, &arguments.release)?;
    let revoked = publisher
        .revoke(&plugin, &release)
        .map_err(|error| told(&error))?;
    let value = json!({
        "plugin": plugin,
        "seq": revoked.index.seq,
        "revoked": release,
        "fell_back": revoked.fell_back,
        "ended": revoked.ended,
    });
    print(arguments.at.format, &value, || {
        let mut text = format!("{} is revoked\n", short(&release));
        for (major, before) in &revoked.fell_back {
            text.push_str(&format!(
                "major {major} is served by {} again\n",
                short(before)
            ));
        }
        for major in &revoked.ended {
            text.push_str(&format!(
                "major {major} is served by nothing: deploy a release\n"
            ));
        }
        text
    })?;
    Ok(true)
}
