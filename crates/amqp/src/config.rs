//! `[transport.amqp]`: `url` is required, everything else has a default.

mod tls;
mod url;

use std::time::Duration;

use polywire_core::config::Section;
use polywire_core::{Bounds, Capability, Support, Trust};

pub(crate) use tls::Identity;
pub use tls::TlsConfig;
pub use url::BrokerUrl;

/// The type of the durable queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueType {
    /// Replicated by consensus: what it confirmed survives the loss of a minority of nodes.
    #[default]
    Quorum,
    /// On one node: faster to create, lost with its node's disk.
    Classic,
}

impl QueueType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Quorum => "quorum",
            Self::Classic => "classic",
        }
    }
}

/// The settings of an AMQP transport.
#[derive(Clone, Debug)]
pub struct AmqpConfig {
    /// The broker's nodes; one is connected to, the others stand by.
    pub urls: Vec<BrokerUrl>,
    /// Certificates, for `amqps`.
    pub tls: Option<TlsConfig>,
    /// The name that the broker shows for our connections.
    pub connection_name: String,
    /// Put before every name at the broker, with a dot, so that several systems can share a vhost.
    pub namespace: Option<String>,
    /// The type of durable queues. It cannot be changed while a queue exists.
    pub queue_type: QueueType,
    /// How often each side shows that it lives, unless the url says otherwise; after twice that a connection counts as lost.
    pub heartbeat: Duration,
    /// How long connecting to one node may take, TLS and login included.
    pub connect_timeout: Duration,
    /// How long a publish waits for the broker when the message has no deadline.
    pub publish_timeout: Duration,
    /// How many publishes may be unconfirmed at once.
    pub max_unconfirmed: usize,
    /// How many calls may wait for their replies at once.
    pub max_calls: usize,
    /// The largest payload either way, in bytes.
    pub max_payload: usize,
    /// How many messages a group or a command queue may hold; without it, the broker's disk is the bound.
    pub queue_messages: Option<usize>,
    /// How many bytes a group or a command queue may hold.
    pub queue_bytes: Option<u64>,
    /// For tests and previews: a queue that nobody consumes from or declares for so long is deleted, with what it holds.
    pub expire_unused: Option<Duration>,
    /// Retries, their backoff, and how many commands of a service run at once.
    pub bounds: Bounds,
}

impl AmqpConfig {
    /// The defaults, for one or more nodes.
    #[must_use]
    pub fn new(urls: Vec<BrokerUrl>) -> Self {
        Self {
            urls,
            tls: None,
            connection_name: "polywire".to_owned(),
            namespace: None,
            queue_type: QueueType::Quorum,
            heartbeat: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            publish_timeout: Duration::from_secs(30),
            max_unconfirmed: 4096,
            max_calls: 16_384,
            max_payload: 2 * 1024 * 1024,
            queue_messages: None,
            queue_bytes: None,
            expire_unused: None,
            bounds: Bounds::default(),
        }
    }

    /// Reads a section; what is wrong is noted there, and `None` says that something was.
    #[must_use]
    pub fn read(section: &Section, connection_name: &str) -> Option<Self> {
        let mut sound = true;
        let mut urls = Vec::new();
        for text in section
            .require("url", section.list("url"))
            .unwrap_or_default()
        {
            match text.parse::<BrokerUrl>() {
                Ok(url) => urls.push(url),
                Err(error) => {
                    section.mistake("url", error.message().to_owned());
                    sound = false;
                }
            }
        }
        sound &= !urls.is_empty();
        let tls = match section.section("tls") {
            Some(tls) => {
                let read = TlsConfig::read(&tls);
                sound &= read.is_some();
                read
            }
            None => None,
        };
        let default = Self::new(urls);
        let second = Duration::from_millis(100)..=Duration::from_secs(3600);
        let time =
            |key: &str, default: Duration| section.duration(key, second.clone()).unwrap_or(default);
        let queue_type = match section.one_of("queue_type", &["quorum", "classic"]) {
            Some("classic") => QueueType::Classic,
            _ => QueueType::Quorum,
        };
        let namespace = section.identifier("namespace");
        sound &= !section.has("namespace") || namespace.is_some();
        let config = Self {
            tls,
            connection_name: section
                .string("connection_name")
                .unwrap_or_else(|| connection_name.to_owned()),
            namespace,
            queue_type,
            heartbeat: section
                .duration(
                    "heartbeat",
                    Duration::from_secs(1)..=Duration::from_secs(600),
                )
                .unwrap_or(default.heartbeat),
            connect_timeout: time("connect_timeout", default.connect_timeout),
            publish_timeout: time("publish_timeout", default.publish_timeout),
            max_unconfirmed: section
                .integer("max_unconfirmed", 1..=1_000_000)
                .unwrap_or(default.max_unconfirmed),
            max_calls: section
                .integer("max_calls", 1..=1_000_000)
                .unwrap_or(default.max_calls),
            max_payload: section
                .size("max_payload", 1..=MAX_MESSAGE)
                .and_then(|size| usize::try_from(size).ok())
                .unwrap_or(default.max_payload),
            queue_messages: section.integer("queue_messages", 1..=1_000_000_000),
            queue_bytes: section.size("queue_bytes", 1..=1 << 50),
            expire_unused: section.duration("expire_unused", second.clone()),
            bounds: Bounds::read(section, &default.bounds),
            ..default
        };
        section.finish();
        if config.tls.is_some() && !config.urls.iter().any(BrokerUrl::is_tls) && sound {
            section.mistake(
                "tls",
                "certificates without an amqps url: write amqps://, usually on port 5671",
            );
            sound = false;
        }
        sound.then_some(config)
    }

    /// What channels of this transport can do.
    #[must_use]
    pub const fn capability(&self) -> Capability {
        Capability {
            trust: Trust::Trusted,
            call: Support::Emulated,
            send: Support::Native,
            publish: Support::Native,
            subscribe: Support::Native,
            discover: true,
            ordered_by_key: false,
            resume: true,
            durable: true,
            max_payload: self.max_payload,
        }
    }
}

/// What RabbitMQ takes at most, by default: 128 MiB.
const MAX_MESSAGE: u64 = 128 << 20;

#[cfg(test)]
mod tests;
