//! What stands on a shelf, as a letter.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use polywire_contract::{Digest, Name};
use polywire_core::{Kind, Letter, MessageId};

use super::Place;
use crate::wire::{Expected, Requirements, Stamps, Table, names, read_head};

fn field(table: &FieldTable, key: &str) -> Option<String> {
    match table.inner().get(key)? {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// What the broker itself noted when it gave a message up: the newest entry of `x-death`.
struct Death {
    queue: String,
    reason: String,
    at: Option<SystemTime>,
}

/// What we set aside has no such note, so where there is one it is the newer.
fn death(table: &FieldTable) -> Option<Death> {
    let AMQPValue::FieldArray(deaths) = table.inner().get("x-death")? else {
        return None;
    };
    let AMQPValue::FieldTable(newest) = deaths.as_slice().first()? else {
        return None;
    };
    let at = match newest.inner().get("time") {
        Some(AMQPValue::Timestamp(seconds)) => after_1970(Duration::from_secs(*seconds)),
        _ => None,
    };
    Some(Death {
        queue: field(newest, "queue")?,
        reason: field(newest, "reason")?,
        at,
    })
}

fn after_1970(time: Duration) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(time)
}

/// The queue that a letter came from: as the broker noted it when it gave the message up, or as we did.
pub(super) fn origin(properties: &BasicProperties) -> Option<String> {
    let table = properties.headers().as_ref()?;
    death(table)
        .map(|death| death.queue)
        .or_else(|| field(table, names::ORIGIN))
}

/// Reads a letter. What cannot be read of its head is left out: an operator must see it all the same.
pub(super) fn letter(
    place: &Place,
    max_returns: u32,
    properties: &BasicProperties,
    body: &[u8],
) -> Letter {
    let empty = FieldTable::default();
    let table = properties.headers().as_ref().unwrap_or(&empty);
    let kind = if place.event.is_some() {
        Kind::Event
    } else {
        Kind::Command
    };
    let expected = Expected {
        kind,
        contract: &place.contract,
        interaction: place.event.as_ref(),
        range: None,
    };
    let read = read_head(
        properties,
        &expected,
        &Stamps::default(),
        Some(&Requirements::default()),
    );
    let mut head = read.unwrap_or_else(|_| {
        let interaction = place
            .event
            .clone()
            .or_else(|| properties.kind().as_ref()?.as_str().parse().ok());
        let interaction = interaction.unwrap_or(Name::from_static("unknown"));
        let mut head = polywire_core::Head::new(kind, place.contract.clone(), interaction);
        if let Some(id) = stated_id(properties) {
            head.id = id;
        }
        head
    });
    if stated_id(properties).is_none() {
        head.id = made_up_id(table, body);
    }
    let group = place
        .group
        .clone()
        .unwrap_or_else(|| format!("commands.{}", head.interaction));
    let death = death(table);
    // Not what the shelf counts: each look at it hands its letters out and takes them back.
    let found = Table::of(properties);
    head.attempt = found.attempts().saturating_add(found.noted_returns());
    let reason = match &death {
        Some(death) if death.reason == "delivery_limit" => {
            let returns = max_returns.saturating_add(1);
            head.attempt = head.attempt.saturating_add(returns);
            format!("came back unsettled {returns} times")
        }
        Some(death) => format!("the broker gave it up: {}", death.reason),
        None => field(table, names::REASON).unwrap_or_else(|| "not said".to_owned()),
    };
    let noted = match table.inner().get(names::LAST_FAILURE) {
        Some(AMQPValue::LongLongInt(milliseconds)) => u64::try_from(*milliseconds).ok(),
        _ => None,
    };
    let at = death
        .and_then(|death| death.at)
        .or_else(|| after_1970(Duration::from_millis(noted?)))
        .unwrap_or(SystemTime::UNIX_EPOCH);
    Letter {
        head,
        body: Bytes::copy_from_slice(body),
        group,
        reason,
        at,
    }
}

fn stated_id(properties: &BasicProperties) -> Option<MessageId> {
    let id = properties.message_id().as_ref()?;
    MessageId::parse(id.as_str()).ok()
}

/// The same for the same letter each time it is read, so that who sees it can name it.
fn made_up_id(table: &FieldTable, body: &[u8]) -> MessageId {
    let names::Attribute { written, other } = names::EVENT_ID;
    let written = [names::MESSAGE_ID, written, other]
        .iter()
        .find_map(|key| MessageId::parse(&field(table, key)?).ok());
    written.unwrap_or_else(|| {
        let mut all = format!("{:?}", table.inner().get(names::LAST_FAILURE)).into_bytes();
        all.extend_from_slice(body);
        let [a, b, c, d, e, f, g, h, ..] = *Digest::of(&all).as_bytes();
        let text = format!(
            "unnamed-{:016x}",
            u64::from_be_bytes([a, b, c, d, e, f, g, h])
        );
        MessageId::parse(&text).unwrap_or_else(|_| MessageId::random())
    })
}
