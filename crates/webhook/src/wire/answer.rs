//! What a provider answers.

use std::fmt;

use jiff::Timestamp;
use polywire_core::contract::{Name, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::record::{DeliveryState, Float, KeepOrder, OnSunset};

/// A subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) id: String,
    /// The code of its state.
    pub(crate) state: String,
    /// Why it is there, or why its sink has not consented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) contract: Name,
    /// The versions that are taken.
    pub(crate) requested: String,
    /// The one that is delivered.
    pub(crate) version: Version,
    pub(crate) float: Float,
    pub(crate) events: Vec<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<Name>,
    pub(crate) sink: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate_per_minute: Option<u32>,
    pub(crate) order: KeepOrder,
    pub(crate) on_sunset: OnSunset,
    pub(crate) created_at: Timestamp,
    pub(crate) lease_expires_at: Timestamp,
    /// The last sequence number that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<u64>,
    pub(crate) keys: Vec<KeyDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upgrade: Option<UpgradeDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proposed: Option<ProposedDocument>,
    #[serde(default)]
    pub(crate) standing: StandingDocument,
}

/// A key. Its `Debug` shows no secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct KeyDocument {
    pub(crate) kid: String,
    /// `v1` or `v1a`.
    pub(crate) algorithm: String,
    /// The `whpk_` text of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) public: Option<String>,
    /// The `whsec_` text, where it was just made: it is not shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    pub(crate) created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retires_at: Option<Timestamp>,
}

impl fmt::Debug for KeyDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyDocument")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("public", &self.public)
            .field("retires_at", &self.retires_at)
            .finish_non_exhaustive()
    }
}

/// An upgrade that is under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UpgradeDocument {
    pub(crate) from: Version,
    pub(crate) to: Version,
    /// `kept`, `shadow` or `committed`.
    pub(crate) phase: String,
    /// When a shadow ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    /// The first sequence number of the new version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rollback_until: Option<Timestamp>,
    /// Where it is committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
}

/// What waits for the sink's consent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProposedDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sink: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<KeyDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<Version>,
    #[serde(default)]
    pub(crate) resume: bool,
    pub(crate) at: Timestamp,
}

/// What is known of the sink.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StandingDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failing_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) held_until: Option<Timestamp>,
    /// `failing` or `gone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stopped: Option<String>,
}

/// A page of subscriptions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ListDocument {
    pub(crate) subscriptions: Vec<Document>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
}

/// A page of deliveries.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeliveriesDocument {
    pub(crate) deliveries: Vec<DeliveryDocument>,
    /// Whether there are later ones.
    pub(crate) more: bool,
}

/// A delivery.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeliveryDocument {
    pub(crate) sequence: u64,
    pub(crate) webhook_id: String,
    pub(crate) state: DeliveryState,
    pub(crate) attempts: u32,
    /// The event; not there once it was swept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// What became of an acknowledgement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Acknowledged {
    /// Those that were done by it.
    pub(crate) acknowledged: Vec<u64>,
}

/// What is delivered again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReplayedDocument {
    pub(crate) count: usize,
}

/// A ping on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TestedDocument {
    pub(crate) webhook_id: String,
    pub(crate) sequence: u64,
}
