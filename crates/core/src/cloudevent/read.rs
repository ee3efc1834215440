//! From events to messages.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use polywire_contract::{Known, Name, Offer, Requirement};

use super::CloudEvent;
use crate::error::{Dispatched, Error, ErrorKind, Result};
use crate::message::{ContentType, Head, Kind, MessageId};
use crate::metadata::Metadata;
use crate::options::after;
use crate::stamp::Stamp;
use crate::trace::TraceContext;

impl<'a> CloudEvent<'a> {
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
