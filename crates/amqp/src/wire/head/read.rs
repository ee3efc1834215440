//! A head as it is received.

use std::sync::Arc;
use std::time::Duration;

use lapin::BasicProperties;
use lapin::types::ShortString;
use polywire_contract::{Name, Version};
use polywire_core::{ContentType, Error, Head, Kind, MessageId, Result, Token, TraceContext};
use tokio::time::Instant;

use super::{Requirements, shown};
use crate::error::invalid;
use crate::wire::names;
use crate::wire::stamp::Stamps;
use crate::wire::table::{Table, as_text};

/// The longest deadline taken from a peer.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// On how many tracks one event may be published.
const MAX_COPIES: usize = 64;

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
    let table = Table::of(properties);
    let interaction = interaction(properties, expected)?;
    match table.text(names::CONTRACT)? {
        Some(found) if found != expected.contract.as_str() => {
            return Err(invalid(format!(
                "header contract is {:?} in a queue of contract {:?}",
                shown(found),
                expected.contract.as_str()
            )));
        }
        _ => {}
    }
    let event = |name| table.attribute(name);
    let is_event = expected.kind == Kind::Event;
    let id = match (properties.message_id(), table.text(names::MESSAGE_ID)?) {
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
            None => table.text(plain),
        }
    };
    head.ordering_key = either(names::ORDERING_KEY, names::EVENT_KEY)?.map(Into::into);
    // The standard says to start a new trace when one cannot be read.
    head.trace = either(names::TRACEPARENT, names::EVENT_TRACEPARENT)?
        .and_then(|text| text.parse::<TraceContext>().ok());
    if let Some(state) = either(names::TRACESTATE, names::EVENT_TRACESTATE)? {
        head.trace = head.trace.take().map(|trace| trace.with_state(state));
    }
    head.idempotency_key = table.text(names::IDEMPOTENCY_KEY)?.map(Into::into);
    head.token = table.text(names::TOKEN)?.map(token).transpose()?;
    head.attempt = table.attempts().saturating_add(table.returns());
    for (key, value) in table.iter() {
        if let Some(name) = key.strip_prefix(names::META) {
            head.metadata.insert(name, as_text(key, value)?)?;
        }
    }
    if is_event {
        head.stamp = stamps.read(expected.contract, &table)?;
        head.copies = table.text(names::COPIES)?.map(copies).transpose()?;
    } else {
        if expected.kind == Kind::Operation {
            head.deadline = timeout(properties)?.map(|wait| Instant::now() + wait);
        }
        if let Some(requirements) = requirements {
            let require = table.text(names::REQUIRE)?.or(expected.range);
            head.requirement =
                requirements.read(expected.contract, require, table.text(names::DIGEST)?)?;
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

pub(crate) fn token(text: &str) -> Result<Token> {
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
