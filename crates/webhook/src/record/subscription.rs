//! A subscription.

use jiff::Timestamp;
use polywire_core::contract::{Name, Requirement, Version};
use serde::{Deserialize, Serialize};

use super::{KeyRecord, State, SubscriptionId};
use crate::schedule::{Rate, Standing};
use crate::signature::MAX_KEYS;

/// A subscription, as a store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// Names it.
    pub id: SubscriptionId,
    /// Counts the changes of everything but the standing, from 1: the entity tag of its representation.
    pub revision: u64,
    /// What was agreed, and what became of it.
    pub terms: Terms,
    /// What is known of its endpoint. It is written apart from the terms, without a new revision.
    pub standing: Standing,
}

/// What a subscription says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Whose it is; tenants do not see each other's. At most [`Terms::MAX_TENANT`] bytes.
    pub tenant: String,
    /// Where it is in its life.
    pub state: State,
    /// The contract, and the versions that the subscriber takes.
    pub requested: Requirement,
    /// The version that deliveries are rendered for.
    pub version: Version,
    /// Whether minor releases are followed.
    pub float: Float,
    /// The events, at most [`Terms::MAX_EVENTS`]; none for one that carries calls and replies alone.
    pub events: Vec<Name>,
    /// Subscribers of one group compete for its messages; `None` is a group of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
    /// The URL that deliveries go to, as [`Target`](crate::guard::Target) read it.
    pub sink: String,
    /// What deliveries are signed with, the newest first.
    pub keys: Vec<KeyRecord>,
    /// How many a minute the sink takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How many a minute the sink allowed when it was last asked; nothing that is asked for later exceeds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<u32>,
    /// Which order is kept.
    pub order: KeepOrder,
    /// What happens when the major is retired.
    pub on_sunset: OnSunset,
    /// An upgrade to another major that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// What takes effect once the sink has consented to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Proposed>,
    /// From when on it wants to have what was published before it was active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends unless it is renewed.
    pub lease_until: Timestamp,
}

/// Whether the agreed version follows minor releases inside the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Float {
    /// It stays where it was agreed.
    None,
    /// It follows.
    Minor,
}

/// Which order is kept between deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepOrder {
    /// None: what fails does not hold up anything.
    None,
    /// Those of one key are delivered one after the other; other keys are not held up.
    ByKey,
}

/// What happens to a subscription when its major is retired. Never a silent step to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnSunset {
    /// Events are kept until it is upgraded.
    Pause,
    /// It goes on at the next major, when its range takes that one; else as [`Pause`](Self::Pause).
    Upgrade,
    /// It ends.
    Expire,
}

/// A change that waits for the consent of the sink; until then the old state serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposed {
    /// Another sink, as [`Terms::sink`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<String>,
    /// A new key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyRecord>,
    /// For how long the keys before it sign on, in seconds.
    #[serde(default)]
    pub overlap_seconds: u64,
    /// An upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// Whether it is to deliver again after that.
    #[serde(default)]
    pub resume: bool,
    /// When it was asked for.
    pub at: Timestamp,
}

/// A change of the major that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upgrade {
    /// The version before.
    pub from: Version,
    /// The versions taken before.
    pub from_range: Requirement,
    /// The version that it leads to.
    pub to: Version,
    /// The versions taken from then on.
    pub to_range: Requirement,
    /// How far it is.
    pub phase: Phase,
}

/// How far an upgrade is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Phase {
    /// The old version is retired and the subscription paused: events are kept, rendered for the new one alone, and drained in
    /// order once the subscriber takes it.
    Kept,
    /// Both renderings are sent; failures of the new one do not count.
    Shadow {
        /// When it ends if nobody commits.
        until: Timestamp,
    },
    /// From a sequence number on, events are rendered for the new version alone.
    Committed {
        /// The first of them.
        from: u64,
        /// Until when it can be rolled back.
        rollback_until: Timestamp,
    },
}

/// Why a record is not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a subscription with {found} {what}: expected {valid}")]
pub struct RecordError {
    /// What is out of bounds.
    pub what: &'static str,
    /// How many there are.
    pub found: usize,
    /// How many there may be.
    pub valid: &'static str,
}

impl Terms {
    /// The most events of one subscription.
    pub const MAX_EVENTS: usize = 100;
    /// The longest name of a tenant, in bytes.
    pub const MAX_TENANT: usize = 256;
    /// The longest sink, in bytes.
    pub const MAX_SINK: usize = crate::guard::Target::MAX_BYTES * 3;

    /// Those of a record that no subscriber asked for, which lasts until it is removed: a queue, a registration, a caller.
    pub(crate) fn local(
        tenant: String,
        requested: Requirement,
        sink: String,
        now: Timestamp,
    ) -> Self {
        Self {
            tenant,
            state: State::Active,
            version: requested.floor().cloned().unwrap_or(Version::new(0, 0, 0)),
            requested,
            float: Float::None,
            events: Vec::new(),
            group: None,
            sink,
            keys: Vec::new(),
            rate: None,
            allowed: None,
            order: KeepOrder::ByKey,
            on_sunset: OnSunset::Pause,
            upgrade: None,
            proposed: None,
            since: None,
            created_at: now,
            lease_until: Timestamp::MAX,
        }
    }

    /// Has no more sent than the sink allowed.
    pub(crate) fn keep_allowed(&mut self) {
        let Some(allowed) = self.allowed else {
            return;
        };
        if self.rate.is_none_or(|rate| rate.per_minute > allowed) {
            self.rate = Some(Rate::per_minute(allowed));
        }
    }

    /// The contract.
    #[must_use]
    pub fn contract(&self) -> &Name {
        self.requested.contract()
    }

    /// Checks the bounds that every store relies on.
    ///
    /// # Errors
    /// The first that is not kept.
    pub fn check(&self) -> Result<(), RecordError> {
        let bounds = [
            (
                "bytes of tenant",
                self.tenant.len(),
                1..=Self::MAX_TENANT,
                "1 to 256",
            ),
            (
                "events",
                self.events.len(),
                0..=Self::MAX_EVENTS,
                "at most 100",
            ),
            (
                "bytes of sink",
                self.sink.len(),
                1..=Self::MAX_SINK,
                "1 to 6144",
            ),
            ("keys", self.keys.len(), 0..=MAX_KEYS, "at most 8"),
        ];
        for (what, found, bounds, valid) in bounds {
            if !bounds.contains(&found) {
                return Err(RecordError { what, found, valid });
            }
        }
        Ok(())
    }
}

/// Equal when they say the same in writing.
impl PartialEq for Terms {
    fn eq(&self, other: &Self) -> bool {
        serde_json::to_value(self).ok() == serde_json::to_value(other).ok()
    }
}
