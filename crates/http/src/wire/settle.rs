//! How a member of a group tells its provider what became of deliveries.

use std::time::Duration;

use polywire_core::Verdict;
use serde::{Deserialize, Serialize};

/// The most settlements in one request.
pub(crate) const MAX_SETTLEMENTS: usize = 1024;

/// The most deliveries that a member may hold unsettled.
pub(crate) const MAX_PREFETCH: usize = 100_000;

/// `POST .../settle`: a sign of life, with what became of any number of deliveries.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settlements {
    /// The member's id, from the first event of its stream.
    pub(crate) member: String,
    /// No new deliveries, please; what is held stays until it is settled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) leave: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) settlements: Vec<Settlement>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settlement {
    /// The `delivery` of the event.
    pub(crate) delivery: String,
    pub(crate) verdict: Word,
    /// With `retry`: not before this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after_ms: Option<u64>,
    /// With `reject` and `park`: for the operator who finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// A verdict, or that there is none and the delivery goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Word {
    Ack,
    Retry,
    Reject,
    Park,
    Return,
}

/// What could not be done, by delivery; empty when all was.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Settled {
    #[serde(default)]
    pub(crate) failed: Vec<Failed>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) delivery: String,
    pub(crate) reason: String,
}

/// The first event of a member's stream.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Joined {
    /// By what the member settles.
    pub(crate) member: String,
    /// How often both ends show that they live.
    pub(crate) heartbeat_ms: u64,
}

/// What a subscriber did not get.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Gap {
    /// How many events are gone, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) missed: Option<u64>,
    pub(crate) reason: String,
}

impl Settlement {
    pub(crate) fn new(delivery: u64, verdict: Option<&Verdict>) -> Self {
        let (word, after, reason) = match verdict {
            Some(Verdict::Ack) => (Word::Ack, None, None),
            Some(Verdict::Retry { after }) => (Word::Retry, *after, None),
            Some(Verdict::Reject { reason }) => (Word::Reject, None, Some(reason.clone())),
            Some(Verdict::Park { reason }) => (Word::Park, None, Some(reason.clone())),
            None => (Word::Return, None, None),
        };
        let after_ms = after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        Self {
            delivery: delivery.to_string(),
            verdict: word,
            after_ms,
            reason,
        }
    }

    /// The verdict; `None` to return the delivery.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let reason = || {
            self.reason
                .clone()
                .unwrap_or_else(|| "no reason given".to_owned())
        };
        match self.verdict {
            Word::Ack => Some(Verdict::Ack),
            Word::Retry => Some(Verdict::Retry {
                after: self.after_ms.map(Duration::from_millis),
            }),
            Word::Reject => Some(Verdict::Reject { reason: reason() }),
            Word::Park => Some(Verdict::Park { reason: reason() }),
            Word::Return => None,
        }
    }
}
