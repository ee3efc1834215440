//! A message's head as properties and headers.

use std::sync::Arc;
use std::time::Duration;

use lapin::BasicProperties;
use lapin::types::{FieldTable, ShortString};
use polywire_contract::{Known, Name, Requirement, Track, Version};
use polywire_core::{
    ContentType, Error, Head, Kind, MessageId, Result, Stamp, Token, TraceContext,
};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::names;
use super::stamp::{Stamps, write_stamp};
use super::table::{Headers, as_text, attempts, attribute_text, returns, text};
use crate::error::invalid;

/// The longest deadline taken from a peer.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// On how many tracks one event may be published.
const MAX_COPIES: usize = 64;
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
    // As attributes too, for those who read nothing but the event.
    headers.text(names::EVENT_VERSION.written, stamp.version.to_string());
    if let Some(digest) = &stamp.digest {
        headers.text(names::EVENT_DIGEST.written, digest.to_string());
    }
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

/// What a queue says about its messages; headers must agree.
#[derive(Clone, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) kind: Kind,
    pub(crate) contract: &'a Name,
    /// The event; `None` where a queue holds several interactions.
    pub(crate) interaction: Option<&'a Name>,
    /// What a foreign sender requires who does not say.
    pub(crate) range: Option<&'a str>,
}

/// Reads the head of a delivery.
///
/// # Errors
/// `InvalidPayload` or `TooLarge` naming the header; the handler must not run.
pub(crate) fn read_head(
    properties: &BasicProperties,
    expected: &Expected<'_>,
    stamps: &Stamps,
    requirements: Option<&Requirements>,
) -> Result<Head> {
    let empty = FieldTable::default();
    let table = properties.headers().as_ref().unwrap_or(&empty);
    let interaction = interaction(properties, expected)?;
    match text(table, names::CONTRACT)? {
        Some(found) if found != expected.contract.as_str() => {
            return Err(invalid(format!(
                "header contract is {:?} in a queue of contract {:?}",
                shown(found),
                expected.contract.as_str()
            )));
        }
        _ => {}
    }
    let event = |name| attribute_text(table, name);
    let is_event = expected.kind == Kind::Event;
    let id = match (properties.message_id(), text(table, names::MESSAGE_ID)?) {
        (Some(id), _) => Some(id.as_str()),
        (None, Some(id)) => Some(id),
        (None, None) if is_event => event(names::EVENT_ID)?,
        (None, None) => None,
    };
    let id = id.map_or_else(|| Ok(MessageId::random()), MessageId::parse)?;
    let mut head = Head::with_id(id, expected.kind, expected.contract.clone(), interaction);
    if let Some(text) = properties.content_type() {
        head.content_type = ContentType::parse(text.as_str());
    }
    let either = |plain: &'static str, attribute| -> Result<Option<&str>> {
        let first = if is_event { event(attribute)? } else { None };
        match first {
            Some(found) => Ok(Some(found)),
            None => text(table, plain),
        }
    };
    head.ordering_key = either(names::ORDERING_KEY, names::EVENT_KEY)?.map(Into::into);
    // The standard says to start a new trace when one cannot be read.
    head.trace = either(names::TRACEPARENT, names::EVENT_TRACEPARENT)?
        .and_then(|text| text.parse::<TraceContext>().ok());
    if let Some(state) = either(names::TRACESTATE, names::EVENT_TRACESTATE)? {
        head.trace = head.trace.take().map(|trace| trace.with_state(state));
    }
    head.idempotency_key = text(table, names::IDEMPOTENCY_KEY)?.map(Into::into);
    head.token = text(table, names::TOKEN)?.map(token).transpose()?;
    head.attempt = attempts(properties).saturating_add(returns(properties));
    for (key, value) in table.inner() {
        if let Some(name) = key.as_str().strip_prefix(names::META) {
            head.metadata.insert(name, as_text(key.as_str(), value)?)?;
        }
    }
    if is_event {
        head.stamp = stamps.read(expected.contract, table)?;
        head.copies = text(table, names::COPIES)?.map(copies).transpose()?;
    } else {
        if expected.kind == Kind::Operation {
            head.deadline = timeout(properties)?.map(|wait| Instant::now() + wait);
        }
        if let Some(requirements) = requirements {
            let require = text(table, names::REQUIRE)?.or(expected.range);
            head.requirement =
                requirements.read(expected.contract, require, text(table, names::DIGEST)?)?;
        }
    }
    Ok(head)
}

/// Reads `1.4.0, 2.0.0`.
fn copies(text: &str) -> Result<Arc<[Version]>> {
    let mut versions = Vec::new();
    for part in text.split(',') {
        if versions.len() == MAX_COPIES {
            return Err(invalid(format!(
                "header {} has more than {MAX_COPIES} versions",
                names::COPIES
            )));
        }
        let version = part.trim().parse().map_err(|error| {
            let found = shown(part);
            invalid(format!("header {} has {found:?}: {error}", names::COPIES))
        })?;
        versions.push(version);
    }
    Ok(versions.into())
}

fn interaction(properties: &BasicProperties, expected: &Expected<'_>) -> Result<Name> {
    let stated = properties.kind().as_ref().map(ShortString::as_str);
    match (stated, expected.interaction) {
        (None, Some(event)) => Ok(event.clone()),
        (Some(text), Some(event)) if text == event.as_str() => Ok(event.clone()),
        (Some(text), Some(event)) => Err(invalid(format!(
            "property type is {:?} in a queue of event {:?}",
            shown(text),
            event.as_str()
        ))),
        (Some(text), None) => text
            .parse()
            .map_err(|error| invalid(format!("property type: {error}"))),
        (None, None) => Err(invalid(format!(
            "property type is missing: it names the {} of {}",
            expected.kind, expected.contract
        ))),
    }
}

/// The first characters of a text that a peer wrote.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

pub(super) fn token(text: &str) -> Result<Token> {
    if text.len() > Token::MAX {
        return Err(Error::new(
            polywire_core::ErrorKind::TooLarge,
            format!(
                "token of {} bytes: at most {} are taken",
                text.len(),
                Token::MAX
            ),
        ));
    }
    Ok(Token::new(text))
}

fn timeout(properties: &BasicProperties) -> Result<Option<Duration>> {
    let Some(text) = properties.expiration() else {
        return Ok(None);
    };
    let wait = text.as_str().parse().map_err(|_| {
        invalid(format!(
            "property expiration is {:?}: expected milliseconds",
            shown(text.as_str())
        ))
    })?;
    Ok(Some(Duration::from_millis(wait).min(MAX_TIMEOUT)))
}

/// How many different statements of requirements are remembered.
const STATEMENTS: usize = 1024;

/// Requirements as their senders stated them: one object for one statement, which a service recognises.
#[derive(Debug)]
pub(crate) struct Requirements(Cache<(Box<str>, Box<str>), Requirement>);

impl Default for Requirements {
    fn default() -> Self {
        Self(Cache::new(STATEMENTS))
    }
}

impl Requirements {
    pub(super) fn read(
        &self,
        contract: &Name,
        require: Option<&str>,
        digest: Option<&str>,
    ) -> Result<Option<Requirement>> {
        let Some(require) = require else {
            return Ok(None);
        };
        let key = (Box::from(require), Box::from(digest.unwrap_or_default()));
        if let Some(known) = self.0.get(&key) {
            return Ok(Some(known));
        }
        let mut requirement = Requirement::parse_list(contract.clone(), require)
            .map_err(|error| invalid(format!("header {}: {error}", names::REQUIRE)))?;
        if let Some(digest) = digest {
            let Known { version, digest } = known(digest)?;
            requirement = requirement.with_known(version, digest);
        }
        self.0.insert(key, requirement.clone());
        Ok(Some(requirement))
    }
}

/// Reads `sha256:...; version=1.4.0`.
fn known(text: &str) -> Result<Known> {
    text.parse().map_err(|_| {
        invalid(format!(
            "header {} is {:?}: write \"sha256:<64 hexadecimal digits>; version=1.4.0\"",
            names::DIGEST,
            shown(text)
        ))
    })
}
