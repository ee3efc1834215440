//! From the config file to the store of its provider.

use std::fmt::Display;

use polywire::config::Document;
use polywire::contract::Name;
use polywire::webhook::WebhookConfig;
use polywire::webhook::operate::{Operator, Wanted};
use polywire::webhook::record::{Subscription, SubscriptionId};
use polywire::{ChannelReport, Polywire, Report};

use super::Of;
use crate::text;

/// The type of transport that keeps what it delivers.
const WEBHOOK: &str = "webhook";

/// Names a subscription.
pub(super) type Id = SubscriptionId;

/// A store, open.
pub(super) struct Opened {
    pub(super) operator: Operator,
    /// The contract of the channel that was named.
    pub(super) contract: Option<Name>,
    /// Why this process does not know how the provider calls itself, if it does not.
    pub(super) nameless: Option<String>,
}

impl Opened {
    /// Subscriptions of the channel, or all.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            contract: self.contract.clone(),
            ..Wanted::default()
        }
    }

    /// A subscription, of the channel if one was named.
    pub(super) async fn subscription(&self, id: &Id) -> Result<Subscription, String> {
        let found = self.operator.subscription(id).await.map_err(told)?;
        match &self.contract {
            Some(contract) if contract != found.terms.contract() => Err(format!(
                "subscription {id} is one of contract {:?}, and the channel's is {:?}",
                found.terms.contract().as_str(),
                contract.as_str()
            )),
            _ => Ok(found),
        }
    }
}

/// Opens the store of the provider that the arguments name.
///
/// # Errors
/// What is wrong with the configuration, an argument or the store, and what would be right.
pub(super) async fn open(of: &Of) -> Result<Opened, String> {
    let builder = Polywire::builder();
    let builder = match &of.config {
        Some(file) => builder.config_file(file),
        None => builder,
    };
    let report = builder.check();
    if !report.is_good() {
        return Err(text::mistakes(&report).trim_end().to_owned());
    }
    let (transport, contract) = match &of.channel {
        Some(name) => {
            let (transport, channel) = channel(&report, name)?;
            let contract = channel.contract.as_deref().unwrap_or_default();
            let contract = contract
                .parse()
                .map_err(|error: _| wrong("contract", contract, error))?;
            (transport, Some(contract))
        }
        None => (only(&report)?, None),
    };
    let (config, nameless) = read(&report, &transport)?;
    Ok(Opened {
        operator: Operator::open(&config).await.map_err(told)?,
        contract,
        nameless,
    })
}

/// The transport of a channel.
fn channel<'a>(report: &'a Report, name: &str) -> Result<(String, &'a ChannelReport), String> {
    let known = || {
        let names = report.channels.iter().map(|channel| channel.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let channel = report.channels.iter().find(|channel| channel.name == name);
    let channel = channel
        .ok_or_else(|| format!("{}: no channel {name:?}: valid: {}", report.file, known()))?;
    match (&channel.transport, channel.kind.as_deref()) {
        (Some(transport), Some(WEBHOOK)) => Ok((transport.clone(), channel)),
        (_, kind) => Err(format!(
            "channel {name:?} is on a transport of type {:?}: one of type {WEBHOOK:?} keeps subscriptions",
            kind.unwrap_or_default()
        )),
    }
}

/// The only transport of webhooks that channels are on.
fn only(report: &Report) -> Result<String, String> {
    let mut used: Vec<&str> = report
        .channels
        .iter()
        .filter(|channel| channel.kind.as_deref() == Some(WEBHOOK))
        .filter_map(|channel| channel.transport.as_deref())
        .collect();
    used.sort_unstable();
    used.dedup();
    match used[..] {
        [one] => Ok(one.to_owned()),
        [] => Err(format!(
            "{}: no channel is on a transport of type {WEBHOOK:?}, which keeps subscriptions",
            report.file
        )),
        _ => Err(format!(
            "{}: channels are on several transports of type {WEBHOOK:?}, {}: add --channel",
            report.file,
            used.join(", ")
        )),
    }
}

/// The settings of a transport of a file in which nothing is wrong, and why the name of the service is not known.
fn read(report: &Report, transport: &str) -> Result<(WebhookConfig, Option<String>), String> {
    let file = &report.file;
    let document = Document::load(file).map_err(|mistakes| mistakes.to_string())?;
    let root = document.root();
    let section = root
        .section_or_empty("transport")
        .section_or_empty(transport);
    let named = section.has("origin") || root.section_or_empty("service").has("name");
    let nameless = (!named).then(|| {
        format!(
            "{file}: neither [service] name nor [transport.{transport}] origin says how the provider calls itself when it asks a sink: write one of them"
        )
    });
    let service = report.service.as_deref().unwrap_or_default();
    // That it may listen was checked with the rest.
    let config = WebhookConfig::read(&section, service, true)
        .ok_or_else(|| format!("{file}: [transport.{transport}] was changed in the meantime"))?;
    Ok((config, nameless))
}

/// A subscription's id, read.
pub(super) fn id(text: &str) -> Result<Id, String> {
    text.parse()
        .map_err(|error| wrong("subscription", text, error))
}

pub(super) fn wrong(what: &str, text: &str, error: impl Display) -> String {
    format!("{what} {text:?}: {error}")
}

#[allow(clippy::needless_pass_by_value, reason = "given to map_err")]
pub(super) fn told(error: polywire::Error) -> String {
    error.to_string()
}
