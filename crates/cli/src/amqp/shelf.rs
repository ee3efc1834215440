//! From a channel of the config file to its shelves at the broker.

use std::fmt::Display;
use std::sync::Arc;

use polywire::amqp::{AmqpConfig, AmqpTransport, ShelfOwner};
use polywire::config::Document;
use polywire::contract::Name;
use polywire::{Letters, Polywire, Requirement, Transport};

use super::Of;
use crate::text;

/// The type of transport that has shelves at a broker.
const AMQP: &str = "amqp";
/// What the broker shows for our connections.
const CONNECTION: &str = "polywire-cli";

/// Shelves, open.
pub(super) struct Opened {
    pub(super) letters: Arc<dyn Letters>,
    /// What letters call the group; `None` for the commands of a contract, which are many.
    pub(super) group: Option<String>,
    transport: AmqpTransport,
}

impl Opened {
    pub(super) async fn close(&self) {
        // All that was to be done is confirmed.
        let _ = self.transport.close().await;
    }
}

/// Opens the shelves of whom the arguments name.
///
/// # Errors
/// What is wrong with the configuration or an argument, and what would be right.
pub(super) fn open(of: &Of) -> Result<Opened, String> {
    let builder = Polywire::builder();
    let builder = match &of.config {
        Some(file) => builder.config_file(file),
        None => builder,
    };
    let report = builder.check();
    if !report.is_good() {
        return Err(text::mistakes(&report).trim_end().to_owned());
    }
    let known = || {
        let names = report.channels.iter().map(|channel| channel.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let channel = report
        .channels
        .iter()
        .find(|channel| channel.name == of.channel)
        .ok_or_else(|| {
            format!(
                "{}: no channel {:?}: valid: {}",
                report.file,
                of.channel,
                known()
            )
        })?;
    let (Some(transport), Some(AMQP)) = (&channel.transport, channel.kind.as_deref()) else {
        return Err(format!(
            "channel {:?} is on a transport of type {:?}: a broker keeps messages of type {AMQP:?} aside",
            of.channel,
            channel.kind.as_deref().unwrap_or_default()
        ));
    };
    let contract = channel.contract.as_deref().unwrap_or_default();
    let owner = owner(of, &name("contract", contract)?, channel.require.as_deref())?;
    let config = read(&report.file, transport)?;
    let transport = AmqpTransport::new(config).map_err(|error| error.to_string())?;
    Ok(Opened {
        letters: transport
            .letters_of(&owner)
            .map_err(|error| error.to_string())?,
        group: match (&of.event, &of.group, &of.command) {
            (Some(_), group, _) => Some(group.clone().unwrap_or_else(|| "alone".to_owned())),
            (None, _, Some(command)) => Some(format!("commands.{command}")),
            (None, ..) => None,
        },
        transport,
    })
}

fn owner(of: &Of, contract: &Name, configured: Option<&str>) -> Result<ShelfOwner, String> {
    let contract = contract.clone();
    let Some(event) = &of.event else {
        if let Some(command) = &of.command {
            name("command", command)?;
        }
        return Ok(ShelfOwner::Commands { contract });
    };
    let require = of.require.as_deref().or(configured).ok_or_else(|| {
        format!(
            "channel {:?} does not say what it requires, which is part of a group's name at the broker: add --require, such as ^1.2",
            of.channel
        )
    })?;
    Ok(ShelfOwner::Group {
        requirement: Requirement::parse_list(contract.clone(), require)
            .map_err(|error| wrong("requirement", require, error))?,
        event: name("event", event)?,
        group: of
            .group
            .as_deref()
            .map(|group| name("group", group))
            .transpose()?,
        contract,
    })
}

fn name(what: &str, text: &str) -> Result<Name, String> {
    text.parse().map_err(|error| wrong(what, text, error))
}

fn wrong(what: &str, text: &str, error: impl Display) -> String {
    format!("{what} {text:?}: {error}")
}

/// The settings of a transport of a file in which nothing is wrong.
fn read(file: &str, transport: &str) -> Result<AmqpConfig, String> {
    let document = Document::load(file).map_err(|mistakes| mistakes.to_string())?;
    let section = document
        .root()
        .section_or_empty("transport")
        .section_or_empty(transport);
    AmqpConfig::read(&section, CONNECTION)
        .ok_or_else(|| format!("{file}: [transport.{transport}] was changed in the meantime"))
}
