//! What a configuration comes to, for people and for scripts: the content of `polywire check`.

use std::collections::BTreeMap;

use polywire_core::Capability;
use polywire_core::config::{Mistake, Mistakes};
use serde::Serialize;

pub use crate::settings::Candidate;
use crate::settings::{ChannelSettings, ConfiguredTransport, Settings};

/// What a configuration comes to: each channel with its transport, why it is on it and what that can do, and everything
/// that is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The config file.
    pub file: String,
    /// `[service] name`, or the program's own.
    pub service: Option<String>,
    /// The channels, in alphabetical order.
    pub channels: Vec<ChannelReport>,
    /// The transports, in the order of the file.
    pub transports: Vec<TransportReport>,
    /// Everything that is wrong, in the order of the file; empty when nothing is.
    pub mistakes: Vec<Mistake>,
    /// How many mistakes are not listed because there are too many.
    pub omitted: usize,
}

/// A channel of a [`Report`].
#[derive(Clone, Debug, Serialize)]
pub struct ChannelReport {
    /// Its name.
    pub name: String,
    /// Its contract, unless the name is wrong.
    pub contract: Option<String>,
    /// The ranges required, `; ` between them; `None` for the version that the client was generated from.
    pub require: Option<String>,
    /// The transport it is on; `None` when none could be chosen.
    pub transport: Option<String>,
    /// That transport's type.
    pub kind: Option<String>,
    /// Why it is on that transport.
    pub reason: String,
    /// Every transport that was considered, and what it lacks.
    pub candidates: Vec<Candidate>,
    /// What was asked for with `need`, by name.
    pub need: BTreeMap<&'static str, String>,
    /// What the transport can do.
    pub capability: Option<Capability>,
    /// How long a caller waits, in milliseconds.
    pub timeout_ms: u64,
    /// How often a failed message is sent again.
    pub retries: u32,
}

/// A transport of a [`Report`].
#[derive(Clone, Debug, Serialize)]
pub struct TransportReport {
    /// The name of its table.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// What that type is for.
    pub summary: String,
    /// The channels on it.
    pub channels: Vec<String>,
    /// What it can do; `None` when its table is wrong.
    pub capability: Option<Capability>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.mistakes.is_empty()
    }

    pub(crate) fn new(file: &str, settings: &Settings, mistakes: Option<&Mistakes>) -> Self {
        let channels: Vec<_> = settings
            .channels
            .iter()
            .map(|(name, channel)| channel_report(name, channel, settings))
            .collect();
        let transports = settings
            .transports
            .iter()
            .map(|transport| transport_report(transport, &channels))
            .collect();
        Self {
            service: Some(settings.service.name.clone()),
            channels,
            transports,
            ..Self::of_mistakes(file, mistakes)
        }
    }

    /// The report of a file that could not be read.
    pub(crate) fn unread(file: &str, mistakes: &Mistakes) -> Self {
        Self::of_mistakes(file, Some(mistakes))
    }

    fn of_mistakes(file: &str, mistakes: Option<&Mistakes>) -> Self {
        Self {
            file: file.to_owned(),
            service: None,
            channels: Vec::new(),
            transports: Vec::new(),
            omitted: mistakes.map_or(0, Mistakes::omitted),
            mistakes: mistakes.into_iter().flatten().cloned().collect(),
        }
    }
}

fn channel_report(name: &str, channel: &ChannelSettings, settings: &Settings) -> ChannelReport {
    let transport = channel
        .transport
        .as_deref()
        .and_then(|name| settings.transport(name));
    ChannelReport {
        name: name.to_owned(),
        contract: channel.contract.as_ref().map(ToString::to_string),
        require: channel
            .require
            .as_ref()
            .map(|require| require.list_text().to_owned()),
        transport: channel.transport.clone(),
        kind: transport.map(|transport| transport.kind.to_owned()),
        reason: channel.reason.clone(),
        candidates: channel.candidates.clone(),
        need: needs(channel),
        capability: transport.and_then(ConfiguredTransport::capability),
        timeout_ms: u64::try_from(channel.policy.timeout.as_millis()).unwrap_or(u64::MAX),
        retries: channel.retry.max_retries,
    }
}

fn needs(channel: &ChannelSettings) -> BTreeMap<&'static str, String> {
    let need = &channel.need;
    let flag = |on: bool| {
        if on {
            "yes".to_owned()
        } else {
            "any".to_owned()
        }
    };
    let entries = [
        ("trust", need.trust.map(|trust| trust.to_string())),
        ("call", need.call.map(|support| support.to_string())),
        ("send", need.send.map(|support| support.to_string())),
        ("publish", need.publish.map(|support| support.to_string())),
        (
            "subscribe",
            need.subscribe.map(|support| support.to_string()),
        ),
        ("discover", need.discover.map(flag)),
        ("ordered_by_key", need.ordered_by_key.map(flag)),
        ("resume", need.resume.map(flag)),
        ("durable", need.durable.map(flag)),
        (
            "max_payload",
            need.max_payload.map(|bytes| bytes.to_string()),
        ),
    ];
    entries
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

fn transport_report(
    transport: &ConfiguredTransport,
    channels: &[ChannelReport],
) -> TransportReport {
    let on_it = channels
        .iter()
        .filter(|channel| channel.transport.as_ref() == Some(&transport.name));
    TransportReport {
        name: transport.name.clone(),
        kind: transport.kind.to_owned(),
        summary: transport.summary.to_owned(),
        channels: on_it.map(|channel| channel.name.clone()).collect(),
        capability: transport.capability(),
    }
}
