//! What a channel can do, natively, emulated or not at all.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a transport's peers are trusted. Untrusted transports need authentication and encryption beyond loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Peers belong to one organisation and reach each other through infrastructure it controls.
    Trusted,
    /// Anyone may be on the other side.
    Untrusted,
}

/// How a verb is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Support {
    /// The transport's own way of working.
    Native,
    /// Built from other means, with the same behaviour as the suite tests it.
    Emulated,
    /// Refused with [`crate::ErrorKind::Unsupported`].
    None,
}

impl Support {
    /// Whether the verb works at all.
    #[must_use]
    pub const fn is_available(self) -> bool {
        !matches!(self, Self::None)
    }
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Native => "native",
            Self::Emulated => "emulated",
            Self::None => "no",
        })
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Trusted => "trusted",
            Self::Untrusted => "untrusted",
        })
    }
}

/// What a channel can do. A claim is tested by the conformance suite; what is not claimed is tested to be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Capability {
    /// Whether peers are trusted.
    pub trust: Trust,
    /// Request-reply.
    pub call: Support,
    /// Commands: one way, eventually done.
    pub send: Support,
    /// Events from the provider.
    pub publish: Support,
    /// Events at the consumer, with groups whose members compete, retries, dead letters and parking.
    pub subscribe: Support,
    /// [`crate::Channel::discover`] can ask the far side for its offer.
    pub discover: bool,
    /// Events with one ordering key reach one group in the order they were published.
    pub ordered_by_key: bool,
    /// A named group that was away gets what it missed, up to the configured bound.
    pub resume: bool,
    /// What was accepted survives a restart of provider, consumer and broker.
    pub durable: bool,
    /// The largest payload, in bytes, as configured.
    pub max_payload: usize,
}

/// One line of [`Capability::entries`]: a name as configuration spells it, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The field's name.
    pub name: &'static str,
    /// Its value: `native`, `emulated`, `no`, `yes`, `trusted`, `untrusted` or a number of bytes.
    pub value: String,
}

impl Capability {
    /// Every field as a name and a text, in the order of the struct.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let flag = |on: bool| {
            if on {
                "yes".to_owned()
            } else {
                "no".to_owned()
            }
        };
        [
            ("trust", self.trust.to_string()),
            ("call", self.call.to_string()),
            ("send", self.send.to_string()),
            ("publish", self.publish.to_string()),
            ("subscribe", self.subscribe.to_string()),
            ("discover", flag(self.discover)),
            ("ordered_by_key", flag(self.ordered_by_key)),
            ("resume", flag(self.resume)),
            ("durable", flag(self.durable)),
            ("max_payload", self.max_payload.to_string()),
        ]
        .map(|(name, value)| Entry { name, value })
        .to_vec()
    }

    /// Everything that `need` asks for and this does not give, as `name: needs X, has Y`.
    #[must_use]
    pub fn unmet(&self, need: &Need) -> Vec<String> {
        let mut unmet = Vec::new();
        if let Some(trust) = need.trust
            && trust != self.trust
        {
            unmet.push(format!("trust: needs {trust}, has {}", self.trust));
        }
        let verbs = [
            ("call", need.call, self.call),
            ("send", need.send, self.send),
            ("publish", need.publish, self.publish),
            ("subscribe", need.subscribe, self.subscribe),
        ];
        for (name, needed, has) in verbs {
            match needed {
                Some(Support::Native) if has != Support::Native => {
                    unmet.push(format!("{name}: needs native, has {has}"));
                }
                Some(Support::Emulated) if !has.is_available() => {
                    unmet.push(format!("{name}: needs native or emulated, has {has}"));
                }
                _ => {}
            }
        }
        let flags = [
            ("discover", need.discover, self.discover),
            ("ordered_by_key", need.ordered_by_key, self.ordered_by_key),
            ("resume", need.resume, self.resume),
            ("durable", need.durable, self.durable),
        ];
        for (name, needed, has) in flags {
            if needed == Some(true) && !has {
                unmet.push(format!("{name}: needs yes, has no"));
            }
        }
        if let Some(bytes) = need.max_payload
            && bytes > self.max_payload
        {
            unmet.push(format!(
                "max_payload: needs {bytes} bytes, has {}",
                self.max_payload
            ));
        }
        unmet
    }
}

/// What a channel must be able to do; `None` means any. A verb that needs `emulated` is content with `native`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// The peers' trust.
    pub trust: Option<Trust>,
    /// Request-reply.
    pub call: Option<Support>,
    /// Commands.
    pub send: Option<Support>,
    /// Publishing events.
    pub publish: Option<Support>,
    /// Receiving events.
    pub subscribe: Option<Support>,
    /// Discovery.
    pub discover: Option<bool>,
    /// Order per key.
    pub ordered_by_key: Option<bool>,
    /// What was missed is delivered later.
    pub resume: Option<bool>,
    /// Survives restarts.
    pub durable: Option<bool>,
    /// At least this many bytes of payload.
    pub max_payload: Option<usize>,
}
