//! What stands on a shelf, as a letter.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use polywire_contract::{Digest, Name};
use polywire_core::{Kind, Letter, MessageId};

use super::Place;
use crate::wire::{Expected, Requirements, Stamps, names, read_head};

fn field(table: &FieldTable, key: &str) -> Option<String> {
    match table.inner().get(key)? {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// The queue that a letter came from: as we wrote it, or as the broker did when it gave a message up.
pub(super) fn origin(table: &FieldTable) -> Option<String> {
    field(table, names::ORIGIN).or_else(|| field(table, "x-first-death-queue"))
}

/// Reads a letter. What cannot be read of its head is left out: an operator must see it all the same.
pub(super) fn letter(place: &Place, properties: &BasicProperties, body: &[u8]) -> Letter {
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
    let reason = field(table, names::REASON).unwrap_or_else(|| {
        match field(table, "x-first-death-reason").as_deref() {
            Some("delivery_limit") => format!("came back unsettled {} times", head.attempt),
            Some(other) => format!("the broker gave it up: {other}"),
            None => "not said".to_owned(),
        }
    });
    let at = match table.inner().get(names::LAST_FAILURE) {
        Some(AMQPValue::LongLongInt(milliseconds)) => u64::try_from(*milliseconds).ok(),
        _ => None,
    };
    let at = at.map_or(SystemTime::UNIX_EPOCH, |at| {
        SystemTime::UNIX_EPOCH + Duration::from_millis(at)
    });
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
    let written = [names::MESSAGE_ID, "cloudEvents_id", "cloudEvents:id"]
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
