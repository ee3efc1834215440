//! Headers: written within a bound, read with care.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use polywire_core::{Dispatched, Error, ErrorKind, Result};

use super::names;
use crate::error::invalid;

/// What the headers of one message may take. They travel in one frame, of 128 KiB unless the broker says otherwise, and
/// a longer one costs the connection.
const MAX_BYTES: usize = 96 * 1024;
/// The longest single text taken from a peer.
const MAX_TEXT: usize = 16 * 1024;

/// Headers under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers {
    table: FieldTable,
    bytes: usize,
}

impl Headers {
    pub(crate) fn from_table(table: FieldTable) -> Self {
        let bytes = table
            .inner()
            .iter()
            .map(|(key, value)| entry_size(key, value))
            .sum();
        Self { table, bytes }
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A text; of bytes, one that is UTF-8.
    pub(crate) fn text(&mut self, key: &'static str, value: impl Into<LongString>) {
        let value = value.into();
        self.bytes += key.len() + value.len();
        self.table.insert(key.into(), AMQPValue::LongString(value));
    }

    pub(crate) fn number(&mut self, key: &'static str, value: i64) {
        self.bytes += key.len() + 8;
        self.table.insert(key.into(), AMQPValue::LongLongInt(value));
    }

    /// An entry whose key is made up; one that AMQP cannot hold is refused.
    pub(crate) fn entry(&mut self, key: String, value: &str) -> Result<()> {
        self.bytes += key.len() + value.len();
        let key =
            ShortString::try_new(key).map_err(|error| invalid(format!("header name: {error}")))?;
        self.table.insert(key, AMQPValue::LongString(value.into()));
        Ok(())
    }

    /// The table.
    ///
    /// # Errors
    /// `TooLarge`.
    pub(crate) fn finish(self) -> Result<FieldTable> {
        if self.bytes > MAX_BYTES {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!(
                    "headers of {} bytes: at most {MAX_BYTES} travel over AMQP",
                    self.bytes
                ),
            ));
        }
        Ok(self.table)
    }
}

/// What an entry takes in a frame: its name with a length, a type, and the value with a length.
pub(super) fn entry_size(key: &ShortString, value: &AMQPValue) -> usize {
    1 + key.as_str().len() + size(value)
}

fn size(value: &AMQPValue) -> usize {
    const TYPE_AND_LENGTH: usize = 5;
    let inner = match value {
        AMQPValue::LongString(text) => text.len(),
        AMQPValue::ByteArray(bytes) => bytes.len(),
        AMQPValue::ShortString(text) => text.as_str().len(),
        AMQPValue::FieldTable(table) => table
            .inner()
            .iter()
            .map(|(key, value)| entry_size(key, value))
            .sum(),
        AMQPValue::FieldArray(array) => array.as_slice().iter().map(size).sum(),
        _ => 8,
    };
    TYPE_AND_LENGTH + inner
}

/// The headers of a delivery. Looking one up costs less in a row of them than in the library's tree, as most have a length
/// of their own.
#[derive(Debug)]
pub(crate) struct Table<'a>(Vec<(&'a str, &'a AMQPValue)>);

impl<'a> Table<'a> {
    pub(crate) fn of(properties: &'a BasicProperties) -> Self {
        let table = properties.headers().as_ref();
        let entries = table.into_iter().flat_map(FieldTable::inner);
        Self(entries.map(|(key, value)| (key.as_str(), value)).collect())
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a AMQPValue)> {
        self.0.iter().copied()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a AMQPValue> {
        let mut entries = self.iter();
        entries.find_map(|(name, value)| (name == key).then_some(value))
    }

    /// A header as text; `None` when it is not there.
    ///
    /// # Errors
    /// `InvalidPayload` when it is no text or not UTF-8, `TooLarge`.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        match self.get(key) {
            None | Some(AMQPValue::Void) => Ok(None),
            Some(value) => as_text(key, value).map(Some),
        }
    }

    /// A CloudEvents attribute as text, under either prefix of the AMQP binding.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub(crate) fn attribute(&self, name: names::Attribute) -> Result<Option<&'a str>> {
        match self.text(name.written)? {
            Some(found) => Ok(Some(found)),
            None => self.text(name.other),
        }
    }

    /// How often the message was tried, from 1. What is not a number counts as nothing.
    pub(crate) fn attempts(&self) -> u32 {
        self.count(names::ATTEMPT).max(1)
    }

    /// How often the message came back unsettled, as we and the broker counted.
    pub(crate) fn returns(&self) -> u32 {
        self.noted_returns()
            .saturating_add(self.count("x-delivery-count"))
    }

    /// How often the message came back unsettled before it was put into the queue where it is.
    pub(crate) fn noted_returns(&self) -> u32 {
        self.count(names::RETURNS)
    }

    fn count(&self, key: &str) -> u32 {
        let number = self.get(key).and_then(|value| number(key, value).ok());
        number
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(0)
    }
}

/// A value as text.
///
/// # Errors
/// As [`text`].
pub(crate) fn as_text<'a>(key: &str, value: &'a AMQPValue) -> Result<&'a str> {
    let bytes = match value {
        AMQPValue::LongString(text) => text.as_bytes(),
        AMQPValue::ShortString(text) => text.as_str().as_bytes(),
        other => {
            return Err(invalid(format!(
                "header {key} is of type {:?}: expected a text",
                other.get_type()
            )));
        }
    };
    if bytes.len() > MAX_TEXT {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!(
                "header {key} of {} bytes: at most {MAX_TEXT} are taken",
                bytes.len()
            ),
        )
        .dispatched_as(Dispatched::No));
    }
    std::str::from_utf8(bytes)
        .map_err(|error| invalid(format!("header {key} is not UTF-8: {error}")))
}

/// A value as a number, written as one or as a text.
///
/// # Errors
/// `InvalidPayload` when it is neither.
fn number(key: &str, value: &AMQPValue) -> Result<i64> {
    let number = match value {
        AMQPValue::ShortShortInt(number) => i64::from(*number),
        AMQPValue::ShortShortUInt(number) => i64::from(*number),
        AMQPValue::ShortInt(number) => i64::from(*number),
        AMQPValue::ShortUInt(number) => i64::from(*number),
        AMQPValue::LongInt(number) => i64::from(*number),
        AMQPValue::LongUInt(number) => i64::from(*number),
        AMQPValue::LongLongInt(number) => *number,
        AMQPValue::Timestamp(number) => i64::try_from(*number).unwrap_or(i64::MAX),
        other => {
            let text = as_text(key, other)?;
            text.trim().parse().map_err(|_| {
                let found: String = text.chars().take(40).collect();
                invalid(format!(
                    "header {key} is {found:?}: expected a whole number"
                ))
            })?
        }
    };
    Ok(number)
}
