//! From messages to events.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use polywire_contract::{Status, Track};
use serde_json::value::RawValue;

use super::CloudEvent;
use crate::error::{Error, ErrorKind, Result};
use crate::message::Head;
use crate::stamp::Stamp;
use crate::trace::TraceContext;

/// What attributes usually take in a document, in bytes.
const ATTRIBUTES: usize = 512;

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

    /// As a document.
    ///
    /// # Errors
    /// `Internal`: a text or a number of ours always has a JSON form.
    pub fn to_json(&self) -> Result<String> {
        let mut json = Vec::new();
        self.write_json(&mut json)?;
        String::from_utf8(json).map_err(formless)
    }

    /// Appends the document to a buffer.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn write_json(&self, buffer: &mut Vec<u8>) -> Result<()> {
        let payload = self.data.map_or(0, |data| data.get().len())
            + self.data_base64.as_ref().map_or(0, String::len);
        buffer.reserve(payload + ATTRIBUTES);
        serde_json::to_writer(buffer, self).map_err(formless)
    }
}

fn formless(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, "an event has no JSON form").caused_by(error)
}
