//! A head as it is sent.

use lapin::BasicProperties;
use lapin::types::ShortString;
use polywire_contract::Track;
use polywire_core::{ContentType, Head, Kind, Result};

use crate::error::invalid;
use crate::wire::names;
use crate::wire::stamp::write_stamp;
use crate::wire::table::Headers;

const PERSISTENT: u8 = 2;
const TRANSIENT: u8 = 1;

/// A call or a command.
///
/// # Errors
/// `TooLarge` when the head does not fit a frame.
pub(crate) fn write_request(head: &Head) -> Result<BasicProperties> {
    let mut headers = Headers::default();
    if let Some(requirement) = &head.requirement {
        headers.text(names::REQUIRE, requirement.list_text());
        if let Some(known) = requirement.known() {
            headers.text(names::DIGEST, &known.to_string());
        }
    }
    if head.attempt > 1 {
        headers.number(names::ATTEMPT, head.attempt.into());
    }
    if let Some(key) = &head.ordering_key {
        headers.text(names::ORDERING_KEY, key);
    }
    if let Some(trace) = &head.trace {
        headers.bytes(names::TRACEPARENT, &trace.to_bytes());
        if let Some(state) = trace.state() {
            headers.text(names::TRACESTATE, state);
        }
    }
    let mode = if head.kind == Kind::Operation {
        TRANSIENT
    } else {
        PERSISTENT
    };
    finish(head, headers, mode)
}

/// An event, in the form of CloudEvents 1.0.
///
/// # Errors
/// As [`write_request`].
pub(crate) fn write_event(head: &Head) -> Result<BasicProperties> {
    let mut headers = Headers::default();
    headers.text("cloudEvents_specversion", "1.0");
    headers.text("cloudEvents_id", &head.id.to_string());
    headers.text("cloudEvents_source", &format!("/{}", head.contract));
    if let Some(stamp) = &head.stamp {
        let track = Track::of(&stamp.version);
        headers.text(
            "cloudEvents_type",
            &format!("{}.{track}.{}", head.contract, head.interaction),
        );
        write_stamp(&mut headers, stamp, false);
        // As attributes too, for those who read nothing but the event.
        headers.text("cloudEvents_contractversion", &stamp.version.to_string());
        if let Some(digest) = &stamp.digest {
            headers.text("cloudEvents_contractdigest", &digest.to_string());
        }
    }
    if let Some(copies) = &head.copies {
        let versions: Vec<String> = copies.iter().map(ToString::to_string).collect();
        headers.text(names::COPIES, &versions.join(", "));
    }
    if let Some(key) = &head.ordering_key {
        headers.text("cloudEvents_partitionkey", key);
    }
    if let Some(trace) = &head.trace {
        headers.bytes("cloudEvents_traceparent", &trace.to_bytes());
        if let Some(state) = trace.state() {
            headers.text("cloudEvents_tracestate", state);
        }
    }
    finish(head, headers, PERSISTENT)
}

fn finish(head: &Head, mut headers: Headers, mode: u8) -> Result<BasicProperties> {
    headers.text(names::CONTRACT, head.contract.as_str());
    if let Some(key) = &head.idempotency_key {
        headers.text(names::IDEMPOTENCY_KEY, key);
    }
    if let Some(token) = &head.token {
        headers.text(names::TOKEN, token.expose());
    }
    for (key, value) in &head.metadata {
        headers.entry(format!("{}{key}", names::META), value)?;
    }
    let mut properties = BasicProperties::default()
        .with_content_type(content_type(&head.content_type)?)
        .with_type(head.interaction.as_str().into())
        .with_delivery_mode(mode);
    match ShortString::try_new(head.id.to_string()) {
        Ok(id) => properties = properties.with_message_id(id),
        // An id may be a byte longer than the property.
        Err(_) => headers.text(names::MESSAGE_ID, &head.id.to_string()),
    }
    Ok(properties.with_headers(headers.finish()?))
}

fn content_type(content_type: &ContentType) -> Result<ShortString> {
    ShortString::try_new(content_type.as_str())
        .map_err(|error| invalid(format!("content type: {error}")))
}
