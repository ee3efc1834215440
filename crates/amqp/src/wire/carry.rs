//! A message that moves to another queue: what goes with it.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::names;
use super::table::{Headers, entry_size};

/// What all headers of a moved message may take, so that there is room for ours beside them. What the wire allows for
/// metadata, token and trace is a third of it.
const MAX_CARRIED: usize = 64 * 1024;
/// Headers by which a broker copies a message to further queues.
const COPIES: [&str; 2] = ["CC", "BCC"];
/// The prefixes of headers that a broker adds when a message moves or comes back.
const BROKER: [&str; 4] = [
    "x-death",
    "x-first-death",
    "x-last-death",
    "x-delivery-count",
];

/// The properties without those that would make the broker refuse, drop or multiply the message, and the headers that
/// `keep` names, apart.
///
/// Left out are `user_id`, which must be that of the connection, `expiration`, for what is set aside stays, and the
/// largest headers when all together are too long to travel; their names are kept in a header.
pub(crate) fn carried(
    properties: &BasicProperties,
    keep: impl Fn(&str) -> bool,
) -> (BasicProperties, Headers) {
    let empty = FieldTable::default();
    let table = properties.headers().as_ref().unwrap_or(&empty);
    let mut entries: Vec<(&ShortString, &AMQPValue, usize)> = table
        .inner()
        .iter()
        .filter(|(key, _)| {
            let key = key.as_str();
            keep(key)
                && !COPIES.contains(&key)
                && !BROKER.iter().any(|prefix| key.starts_with(prefix))
        })
        .map(|(key, value)| (key, value, entry_size(key, value)))
        .collect();
    entries.sort_by_key(|(_, _, size)| *size);
    let (mut fitting, mut total) = (FieldTable::default(), 0);
    let mut left_out = Vec::new();
    for (key, value, size) in entries {
        total += size;
        if total <= MAX_CARRIED {
            fitting.insert(key.clone(), value.clone());
        } else {
            left_out.push(key.as_str());
        }
    }
    let mut headers = Headers::from_table(fitting);
    if !left_out.is_empty() {
        let names: String = left_out.join(", ").chars().take(1000).collect();
        headers.text(names::LEFT_OUT, names);
    }
    (without_headers(properties), headers)
}

fn without_headers(from: &BasicProperties) -> BasicProperties {
    let mut to = BasicProperties::default().with_delivery_mode(2);
    if let Some(value) = from.content_type() {
        to = to.with_content_type(value.clone());
    }
    if let Some(value) = from.content_encoding() {
        to = to.with_content_encoding(value.clone());
    }
    if let Some(value) = from.correlation_id() {
        to = to.with_correlation_id(value.clone());
    }
    if let Some(value) = from.message_id() {
        to = to.with_message_id(value.clone());
    }
    if let Some(value) = from.timestamp() {
        to = to.with_timestamp(*value);
    }
    if let Some(value) = from.kind() {
        to = to.with_type(value.clone());
    }
    if let Some(value) = from.app_id() {
        to = to.with_app_id(value.clone());
    }
    if let Some(value) = from.priority() {
        to = to.with_priority(*value);
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize) -> AMQPValue {
        AMQPValue::LongString(vec![b'x'; length].into())
    }

    #[test]
    fn what_would_multiply_drop_or_stop_a_message_stays_behind() {
        let mut table = FieldTable::default();
        for key in [
            "CC",
            "BCC",
            "x-death",
            "x-delivery-count",
            "contract-token",
            "x-own",
            "not",
        ] {
            table.insert(key.into(), text(3));
        }
        let properties = BasicProperties::default()
            .with_headers(table)
            .with_user_id("somebody".into())
            .with_expiration("5".into())
            .with_message_id("7".into())
            .with_type("note".into());
        let (properties, headers) = carried(&properties, |key| key != "not");
        assert_eq!(properties.user_id(), &None);
        assert_eq!(properties.expiration(), &None);
        assert_eq!(properties.message_id(), &Some("7".into()));
        assert_eq!(properties.kind(), &Some("note".into()));
        let table = headers.finish().unwrap();
        let keys: Vec<&str> = table.inner().keys().map(ShortString::as_str).collect();
        assert_eq!(keys, ["contract-token", "x-own"]);
    }

    #[test]
    fn the_largest_headers_are_left_out_and_named() {
        let mut table = FieldTable::default();
        for (key, length) in [("a", 10), ("b", 60_000), ("c", 50_000), ("d", 100)] {
            table.insert(key.into(), text(length));
        }
        let properties = BasicProperties::default().with_headers(table);
        let table = carried(&properties, |_| true).1.finish().unwrap();
        let keys: Vec<&str> = table.inner().keys().map(ShortString::as_str).collect();
        assert_eq!(keys, ["a", "c", names::LEFT_OUT, "d"]);
        assert_eq!(
            table.inner()[names::LEFT_OUT],
            AMQPValue::LongString("b".into())
        );
    }
}
