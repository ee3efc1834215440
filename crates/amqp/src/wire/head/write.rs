//! A head as it is sent.

use lapin::BasicProperties;
use lapin::types::ShortString;
use polywire_contract::{Name, Requirement, Track};
use polywire_core::{ContentType, Head, Kind, Result, Stamp};

use crate::error::invalid;
use crate::wire::names;
use crate::wire::stamp::write_stamp;
use crate::wire::table::Headers;

const PERSISTENT: u8 = 2;
const TRANSIENT: u8 = 1;

/// The headers that all calls and commands under one requirement share.
pub(crate) fn request_headers(requirement: &Requirement) -> Headers {
    let mut headers = Headers::default();
    headers.text(names::CONTRACT, requirement.contract().as_str());
    headers.text(names::REQUIRE, requirement.list_text());
    if let Some(known) = requirement.known() {
        headers.text(names::DIGEST, known.to_string());
    }
    headers
}

/// A call or a command, on top of what it shares with others.
///
/// # Errors
/// `TooLarge` when the head does not fit a frame.
pub(crate) fn write_request(head: &Head, shared: &Headers) -> Result<BasicProperties> {
    let mut headers = shared.clone();
    if head.attempt > 1 {
        headers.number(names::ATTEMPT, head.attempt.into());
    }
    if let Some(key) = &head.ordering_key {
        headers.text(names::ORDERING_KEY, &**key);
    }
    if let Some(trace) = &head.trace {
        headers.text(names::TRACEPARENT, trace.to_bytes());
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

/// The headers that all events of one stamp share, in the form of CloudEvents 1.0.
pub(crate) fn event_headers(stamp: &Stamp, event: &Name) -> Headers {
    let contract = &stamp.contract;
    let track = Track::of(&stamp.version);
    let mut headers = Headers::default();
    headers.text(names::CONTRACT, contract.as_str());
    headers.text(names::EVENT_SPECVERSION.written, "1.0");
    headers.text(names::EVENT_SOURCE.written, format!("/{contract}"));
    headers.text(
        names::EVENT_TYPE.written,
        format!("{contract}.{track}.{event}"),
    );
    write_stamp(&mut headers, stamp, false);
    headers
}

/// An event, on top of what it shares with others.
///
/// # Errors
/// As [`write_request`].
pub(crate) fn write_event(head: &Head, shared: &Headers) -> Result<BasicProperties> {
    let mut headers = shared.clone();
    headers.text(names::EVENT_ID.written, head.id.to_string());
    if let Some(copies) = &head.copies {
        let versions: Vec<String> = copies.iter().map(ToString::to_string).collect();
        headers.text(names::COPIES, versions.join(", "));
    }
    if let Some(key) = &head.ordering_key {
        headers.text(names::EVENT_KEY.written, &**key);
    }
    if let Some(trace) = &head.trace {
        headers.text(names::EVENT_TRACEPARENT.written, trace.to_bytes());
        if let Some(state) = trace.state() {
            headers.text(names::EVENT_TRACESTATE.written, state);
        }
    }
    finish(head, headers, PERSISTENT)
}

fn finish(head: &Head, mut headers: Headers, mode: u8) -> Result<BasicProperties> {
    if let Some(key) = &head.idempotency_key {
        headers.text(names::IDEMPOTENCY_KEY, &**key);
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
        Err(_) => headers.text(names::MESSAGE_ID, head.id.to_string()),
    }
    Ok(properties.with_headers(headers.finish()?))
}

fn content_type(content_type: &ContentType) -> Result<ShortString> {
    ShortString::try_new(content_type.as_str())
        .map_err(|error| invalid(format!("content type: {error}")))
}
