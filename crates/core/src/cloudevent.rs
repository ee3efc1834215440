//! Messages as CloudEvents 1.0 in the JSON event format 1.0, for transports that carry them as one document.
//!
//! Besides the attributes of the specification and its partitioning, sequence and tracing extensions, ours begin with
//! `contract`; they are listed in SPEC.md.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use polywire_contract::{Digest, Known, Name, Offer, Requirement, Status, Track, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Dispatched, Error, ErrorKind, Result};
use crate::message::{ContentType, Head, Kind, MessageId};
use crate::metadata::Metadata;
use crate::options::after;
use crate::stamp::Stamp;
use crate::trace::TraceContext;

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

impl<'a> CloudEvent<'a> {
    /// A message with what its head says: of an event the stamp, of a request what it requires.
    #[must_use]
    pub fn of(head: &Head, body: &'a Bytes) -> Self {
        let data: Option<&RawValue> = if head.content_type.is_json() {
            serde_json::from_slice(body).ok()
        } else {
            None
        };
        let meta: Vec<String> = head
            .metadata
            .iter()
            .map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        let kind = match &head.stamp {
            Some(stamp) => format!(
                "{}.{}.{}",
                head.contract,
                Track::of(&stamp.version),
                head.interaction
            ),
            None => format!("{}.{}", head.contract, head.interaction),
        };
        let mut event = Self {
            specversion: "1.0".to_owned(),
            id: head.id.to_string(),
            source: format!("/{}", head.contract),
            kind,
            datacontenttype: Some(head.content_type.as_str().to_owned()),
            contractmeta: (!meta.is_empty()).then(|| meta.join("&")),
            idempotencykey: head.idempotency_key.as_deref().map(str::to_owned),
            partitionkey: head.ordering_key.as_deref().map(str::to_owned),
            traceparent: head.trace.as_ref().map(ToString::to_string),
            tracestate: head
                .trace
                .as_ref()
                .and_then(TraceContext::state)
                .map(str::to_owned),
            attempt: head.attempt,
            data,
            data_base64: data.is_none().then(|| STANDARD.encode(body)),
            ..Self::default()
        };
        if let Some(stamp) = &head.stamp {
            event = event.stamped(stamp);
        }
        if let Some(requirement) = &head.requirement {
            event.contractrequire = Some(requirement.list_text().to_owned());
            event.contractknown = requirement.known().map(ToString::to_string);
            event.contractkind = Some(head.kind.to_string());
            event.contractinteraction = Some(head.interaction.clone());
            event.contracttimeout = head
                .remaining()
                // Rounded up, so that a deadline is not shortened to nothing.
                .map(|left| u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX));
        }
        event
    }

    /// The same, spoken at a version.
    #[must_use]
    pub fn stamped(mut self, stamp: &Stamp) -> Self {
        let offered: Vec<String> = stamp.offered.iter().map(ToString::to_string).collect();
        self.contractversion = Some(stamp.version.clone());
        self.contractdigest = stamp.digest;
        self.contractoffer = (!offered.is_empty()).then(|| offered.join(", "));
        self.contractstatus = (stamp.status != Status::Current).then_some(stamp.status);
        self.contractsince.clone_from(&stamp.since);
        self.contractsunset.clone_from(&stamp.sunset);
        self.contractlink.clone_from(&stamp.link);
        self.contractinstance = stamp.instance.as_deref().map(str::to_owned);
        self
    }

    /// Reads an event; what it means is not looked at yet.
    ///
    /// # Errors
    /// `InvalidPayload` naming what is wrong.
    pub fn parse(json: &'a [u8]) -> Result<Self> {
        let read: Self = serde_json::from_slice(json).map_err(unreadable)?;
        if !read.specversion.starts_with("1.") {
            return Err(unreadable(format!(
                "it is a CloudEvent {}: expected 1.0",
                read.specversion
            )));
        }
        Ok(read)
    }

    /// As a document.
    ///
    /// # Errors
    /// `Internal`: a text or a number of ours always has a JSON form.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| {
            Error::new(ErrorKind::Internal, "an event has no JSON form").caused_by(error)
        })
    }

    /// The contract that its source names.
    ///
    /// # Errors
    /// `InvalidPayload` when it names none.
    pub fn contract(&self) -> Result<Name> {
        let name = self.source.strip_prefix('/').unwrap_or_default();
        name.parse().map_err(|_| {
            unreadable(format!(
                "its source is {:?}: expected /CONTRACT",
                self.source
            ))
        })
    }

    /// The head of a message of that contract and interaction. One with `contractrequire` is a request, and its deadline
    /// counts from now.
    ///
    /// # Errors
    /// `InvalidPayload` naming the attribute that cannot be read.
    pub fn head(&self, kind: Kind, contract: &Name, interaction: &Name) -> Result<Head> {
        let id = MessageId::parse(&self.id)?;
        let mut head = Head::with_id(id, kind, contract.clone(), interaction.clone());
        head.stamp = self.stamp(contract)?.map(Arc::new);
        head.requirement = self
            .contractrequire
            .as_deref()
            .map(|ranges| self.requirement(contract, ranges))
            .transpose()?;
        head.content_type = ContentType::parse(
            self.datacontenttype
                .as_deref()
                .unwrap_or("application/json"),
        );
        head.deadline = self
            .contracttimeout
            .map(|left| after(Duration::from_millis(left)));
        head.idempotency_key = self.idempotencykey.as_deref().map(Into::into);
        head.ordering_key = self.partitionkey.as_deref().map(Into::into);
        head.attempt = self.attempt.max(1);
        let trace = self
            .traceparent
            .as_deref()
            .and_then(|text| text.parse::<TraceContext>().ok());
        head.trace = trace.map(|trace| match &self.tracestate {
            Some(state) => trace.with_state(state),
            None => trace,
        });
        head.metadata = metadata(self.contractmeta.as_deref().unwrap_or_default())?;
        Ok(head)
    }

    fn requirement(&self, contract: &Name, ranges: &str) -> Result<Requirement> {
        let requirement = Requirement::parse_list(contract.clone(), ranges)
            .map_err(|error| unreadable(format!("contractrequire: {error}")))?;
        match &self.contractknown {
            None => Ok(requirement),
            Some(text) => {
                let Known { version, digest } = text
                    .parse()
                    .map_err(|_| unreadable(format!("contractknown is {text:?}: expected \"sha256:<64 hexadecimal digits>; version=1.4.0\"")))?;
                Ok(requirement.with_known(version, digest))
            }
        }
    }

    /// The version it was spoken at, if it says one.
    ///
    /// # Errors
    /// `InvalidPayload` when its offer cannot be read.
    pub fn stamp(&self, contract: &Name) -> Result<Option<Stamp>> {
        let Some(version) = self.contractversion.clone() else {
            return Ok(None);
        };
        let offer = self.contractoffer.as_deref().unwrap_or_default();
        let offer = Offer::parse_header(contract.clone(), offer).map_err(unreadable)?;
        Ok(Some(Stamp {
            contract: contract.clone(),
            version,
            digest: self.contractdigest,
            status: self.contractstatus.unwrap_or_default(),
            since: self.contractsince.clone(),
            sunset: self.contractsunset.clone(),
            link: self.contractlink.clone(),
            offered: offer
                .versions()
                .iter()
                .map(|offered| offered.version.clone())
                .collect(),
            instance: self.contractinstance.as_deref().map(Into::into),
        }))
    }

    /// The payload.
    ///
    /// # Errors
    /// `InvalidPayload` when it is no base64.
    pub fn body(&self) -> Result<Bytes> {
        Ok(match (self.data, &self.data_base64) {
            (Some(data), _) => Bytes::copy_from_slice(data.get().as_bytes()),
            (None, Some(text)) => STANDARD
                .decode(text)
                .map_err(|_| unreadable("data_base64 is no base64"))?
                .into(),
            // serde takes a null for an absent member.
            (None, None) if self.is_json() => Bytes::from_static(b"null"),
            (None, None) => Bytes::new(),
        })
    }

    fn is_json(&self) -> bool {
        self.datacontenttype
            .as_deref()
            .is_none_or(|text| ContentType::parse(text).is_json())
    }
}

fn unreadable(what: impl fmt::Display) -> Error {
    Error::new(
        ErrorKind::InvalidPayload,
        format!("an event cannot be read: {what}"),
    )
    .dispatched_as(Dispatched::No)
}

fn metadata(text: &str) -> Result<Metadata> {
    let mut metadata = Metadata::new();
    for (key, value) in text.split('&').filter_map(|entry| entry.split_once('=')) {
        metadata.insert(key, &percent_decode_str(value).decode_utf8_lossy())?;
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use polywire_contract::Offered;

    const ORDERS: Name = Name::from_static("orders");
    const SHIPPED: Name = Name::from_static("shipped");

    fn head() -> Head {
        let mut head = Head::new(Kind::Event, ORDERS, SHIPPED);
        head.ordering_key = Some("customer 7".into());
        head.idempotency_key = Some("k".into());
        head.trace = Some(TraceContext::root().with_state("v=1"));
        head.attempt = 2;
        head.metadata.insert("tenant", "blå&=\n").unwrap();
        head
    }

    fn stamp() -> Stamp {
        let mut spoken = Offered::new(Version::new(1, 4, 0));
        spoken.status = Status::Deprecated;
        spoken.sunset = Some("2027-01-01T00:00:00Z".to_owned());
        let offer = Offer::new(
            ORDERS,
            vec![spoken.clone(), Offered::new(Version::new(2, 0, 0))],
        )
        .unwrap()
        .with_instance("a");
        Stamp::of(&spoken, &offer)
    }

    #[test]
    fn an_event_round_trips() {
        let (mut head, body) = (head(), Bytes::from_static(br#"{"item":"bl\u00e5"}"#));
        head.stamp = Some(Arc::new(stamp()));
        let json = CloudEvent::of(&head, &body).to_json().unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["specversion"], "1.0");
        assert_eq!(value["type"], "orders.v1.shipped");
        assert_eq!(value["data"]["item"], "blå");
        let back = CloudEvent::parse(json.as_bytes()).unwrap();
        assert_eq!(back.contract().unwrap(), ORDERS);
        assert_eq!(back.body().unwrap(), body);
        let back = back.head(Kind::Event, &ORDERS, &SHIPPED).unwrap();
        assert_eq!(format!("{back:?}"), format!("{head:?}"));
    }

    #[test]
    fn a_request_round_trips() {
        let (mut head, body) = (head(), Bytes::from_static(b"1"));
        head.kind = Kind::Command;
        let requirement = Requirement::parse_list(ORDERS, "^2, ^1.4").unwrap();
        head.requirement = Some(requirement.with_known(Version::new(1, 4, 0), Digest::of(b"x")));
        head.deadline = Some(after(Duration::from_secs(5)));
        let json = CloudEvent::of(&head, &body).to_json().unwrap();
        let read = CloudEvent::parse(json.as_bytes()).unwrap();
        assert_eq!(read.kind, "orders.shipped");
        assert_eq!(read.contractkind.as_deref(), Some("command"));
        let back = read.head(Kind::Command, &ORDERS, &SHIPPED).unwrap();
        assert_eq!(back.requirement, head.requirement);
        let left = back.remaining().unwrap();
        assert_eq!(
            back.requirement.unwrap().known(),
            head.requirement.unwrap().known()
        );
        assert!(left <= Duration::from_secs(5) && left > Duration::from_secs(3));
    }

    #[test]
    fn json_of_any_media_type_travels_as_it_is() {
        let (mut head, body) = (head(), Bytes::from_static(br#"{"status":503}"#));
        head.content_type = ContentType::parse("application/problem+json; charset=utf-8");
        let json = CloudEvent::of(&head, &body).to_json().unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["datacontenttype"], "application/problem+json");
        assert_eq!(value["data"]["status"], 503);
        assert!(value["data_base64"].is_null());
        let back = CloudEvent::parse(json.as_bytes()).unwrap();
        assert_eq!(back.body().unwrap(), body);
    }

    #[test]
    fn bytes_that_are_no_json_travel_as_base64() {
        let (mut head, body) = (head(), Bytes::from_static(b"\xff\x00\x01"));
        head.content_type = ContentType::parse("application/x-thing");
        let json = CloudEvent::of(&head, &body).to_json().unwrap();
        let back = CloudEvent::parse(json.as_bytes()).unwrap();
        assert_eq!(back.body().unwrap(), body);
        let back = back.head(Kind::Event, &ORDERS, &SHIPPED).unwrap();
        assert_eq!(back.content_type.as_str(), "application/x-thing");
    }

    #[test]
    fn what_is_no_event_of_ours_is_named() {
        for (json, message) in [
            ("{}", "an event cannot be read: missing field"),
            ("[", "an event cannot be read: EOF"),
            (
                r#"{"specversion":"2.0","id":"a","source":"/","type":"t"}"#,
                "an event cannot be read: it is a CloudEvent 2.0: expected 1.0",
            ),
        ] {
            let error = CloudEvent::parse(json.as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
        let known = |members: &str| {
            format!(r#"{{"specversion":"1.0","id":"a","source":"/","type":"t",{members}}}"#)
        };
        for (members, message) in [
            (
                r#""contractrequire":"^x""#,
                "an event cannot be read: contractrequire: ",
            ),
            (
                r#""contractrequire":"^1","contractknown":"md5""#,
                "an event cannot be read: contractknown is \"md5\": expected ",
            ),
            (
                r#""contractversion":"1.0.0","contractoffer":"?""#,
                "an event cannot be read: ",
            ),
        ] {
            let json = known(members);
            let event = CloudEvent::parse(json.as_bytes()).unwrap();
            let error = event.head(Kind::Event, &ORDERS, &SHIPPED).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
            assert!(event.contract().is_err());
        }
        let json = known(r#""data_base64":"%""#);
        assert!(CloudEvent::parse(json.as_bytes()).unwrap().body().is_err());
    }
}
