//! What a subscriber asks for.

use jiff::Timestamp;
use polywire_core::contract::Name;
use serde::{Deserialize, Deserializer, Serialize};

use crate::record::{Float, KeepOrder, OnSunset};
use crate::signature::Algorithm;

/// A new subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    /// The contract.
    pub(crate) contract: Name,
    /// The versions that are taken, as a requirement's text: `^2.1; ^1.4`.
    pub(crate) version: String,
    /// The contract that the subscriber was built from: `sha256:...; version=1.4.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) known: Option<String>,
    /// Whether minor releases are followed.
    #[serde(default = "minor")]
    pub(crate) float: Float,
    /// The events; none for a subscriber of calls and replies.
    pub(crate) events: Vec<Name>,
    /// The group, whose members compete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<Name>,
    /// Where deliveries go to.
    pub(crate) sink: String,
    /// How they are signed: a key for each.
    #[serde(default = "hmac")]
    pub(crate) sign: Vec<Sign>,
    /// For how long; the provider bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease_seconds: Option<u64>,
    /// How many a minute the sink takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate_per_minute: Option<u32>,
    /// Which order is kept.
    #[serde(default = "unordered")]
    pub(crate) order: KeepOrder,
    /// What happens when the major is retired.
    #[serde(default = "pause")]
    pub(crate) on_sunset: OnSunset,
    /// Also what was published from then on, as far as it is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
}

/// How deliveries are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sign {
    /// HMAC-SHA256, with a secret.
    #[serde(rename = "v1")]
    Hmac,
    /// ed25519, with a pair of keys.
    #[serde(rename = "v1a")]
    Ed25519,
}

impl From<Sign> for Algorithm {
    fn from(sign: Sign) -> Self {
        match sign {
            Sign::Hmac => Self::HmacSha256,
            Sign::Ed25519 => Self::Ed25519,
        }
    }
}

/// A change; what is not there stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// Another sink, once it has consented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sink: Option<String>,
    /// Another rate, or with `null` none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "there"
    )]
    pub(crate) rate_per_minute: Option<Option<u32>>,
    /// Other events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<Vec<Name>>,
    /// Whether minor releases are followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) float: Option<Float>,
    /// Which order is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<KeepOrder>,
    /// What happens when the major is retired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_sunset: Option<OnSunset>,
    /// For how long from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease_seconds: Option<u64>,
}

/// A renewal.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Renew {
    /// For how long from now on; the provider bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease_seconds: Option<u64>,
}

/// An upgrade to another track.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpgradeAsk {
    /// The versions that are taken from then on.
    pub(crate) version: String,
    /// How.
    #[serde(default)]
    pub(crate) strategy: Strategy,
    /// For how long both renderings are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shadow_seconds: Option<u64>,
}

/// How an upgrade goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Strategy {
    /// Both renderings, until it is committed.
    #[default]
    Shadow,
    /// As soon as the sink has consented.
    Now,
}

/// A new key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    /// For how long those before it sign on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) overlap_seconds: Option<u64>,
    /// How it signs; as the newest one when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sign: Option<Sign>,
}

/// What was fetched.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledge {
    /// The sequence numbers.
    pub(crate) sequences: Vec<u64>,
}

/// What is to be delivered again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayAsk {
    /// The first sequence number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<u64>,
    /// The last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<u64>,
    /// Whatever was published at a time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// One, by its sequence number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delivery: Option<u64>,
}

fn minor() -> Float {
    Float::Minor
}

fn hmac() -> Vec<Sign> {
    vec![Sign::Hmac]
}

fn unordered() -> KeepOrder {
    KeepOrder::None
}

fn pause() -> OnSunset {
    OnSunset::Pause
}

/// Tells `null` from what is not there.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
