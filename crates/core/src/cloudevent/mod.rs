//! Messages as CloudEvents 1.0 in the JSON event format 1.0, for transports that carry them as one document.
//!
//! Besides the attributes of the specification and its partitioning, sequence and tracing extensions, ours begin with
//! `contract`; they are listed in SPEC.md.

mod read;
mod write;

#[cfg(test)]
mod tests;

use polywire_contract::{Digest, Name, Status, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The media type of one event in the JSON format.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";

/// A `CloudEvents` 1.0 event in the JSON event format 1.0, with our extension attributes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CloudEvent<'a> {
    /// The version of the specification, `1.0`.
    pub specversion: String,
    /// The message's id.
    pub id: String,
    /// The contract, as `/orders`.
    pub source: String,
    /// `CONTRACT.TRACK.EVENT` for an event; without a track where none is agreed yet.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it was published (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The media type of the payload; JSON when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// The version it was published or answered at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractversion: Option<Version>,
    /// The digest of that version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractdigest: Option<Digest>,
    /// Every version its provider offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractoffer: Option<String>,
    /// Where the version is in its life; `current` when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractstatus: Option<Status>,
    /// Since when it is deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractsince: Option<String>,
    /// When it will be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractsunset: Option<String>,
    /// Where to read about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractlink: Option<String>,
    /// The replica that spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractinstance: Option<String>,
    /// The ranges that a request requires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractrequire: Option<String>,
    /// The version and digest that the sender of a request was generated from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractknown: Option<String>,
    /// What a request is: `operation` or `command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractkind: Option<String>,
    /// The operation, command or event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractinteraction: Option<Name>,
    /// How much time a request has left, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contracttimeout: Option<u64>,
    /// The request that a reply answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractreplyto: Option<String>,
    /// Metadata as `key=value&...`, percent-encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractmeta: Option<String>,
    /// The idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotencykey: Option<String>,
    /// The ordering key (partitioning extension).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitionkey: Option<String>,
    /// Distributed tracing extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Distributed tracing extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// The place in its stream, from 1 (sequence extension).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// Which attempt this is, from 1.
    #[serde(default = "first")]
    pub attempt: u32,
    /// By what a member of a group settles it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// A payload of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    pub data: Option<&'a RawValue>,
    /// Any other payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
}

fn first() -> u32 {
    1
}
