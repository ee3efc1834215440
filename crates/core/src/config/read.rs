//! The typed reads of a [`Section`].

use super::document::Kind;
use super::mistake::Mistake;
use super::nearest::nearest;
use super::quantity::{parse_duration, parse_size, show_duration, show_size};
use super::secret::{Secret, redact_url_passwords};
use super::section::Section;
use super::source::{Origin, quoted};
use super::value::{Node, Value, within};
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Longest name, in bytes.
const MAX_NAME: usize = 100;

impl Section {
    /// Any string.
    pub fn string(&self, key: &str) -> Option<String> {
        self.text(key, Kind::Text, "a string", Some)
    }

    /// A string that must not be printed.
    pub fn secret(&self, key: &str) -> Option<Secret> {
        self.text(key, Kind::Secret, "a string", |text| {
            Some(Secret::new(text))
        })
    }

    /// A name as contracts have them: a lower-case letter, then lower-case letters, digits, `.`, `_` and `-`; at
    /// most 100 bytes.
    pub fn identifier(&self, key: &str) -> Option<String> {
        let expected = "a name: a lower-case letter, then lower-case letters, digits, \".\", \"_\" or \"-\", at most 100";
        self.text(key, Kind::Text, expected, |text| {
            is_identifier(&text).then_some(text)
        })
    }

    /// `true` or `false`.
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.typed(key, "true or false", |node, any_type| match &node.value {
            Value::Boolean(value) => Some(*value),
            Value::Text(text) if any_type => text.trim().parse().ok(),
            _ => None,
        })
    }

    /// A whole number within a range, both ends included.
    pub fn integer<T>(&self, key: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        self.typed(key, &expected, |node, any_type| {
            let value = match &node.value {
                Value::Integer(_, value) => (*value)?,
                Value::Text(text) if any_type => text.trim().parse().ok()?,
                _ => return None,
            };
            T::try_from(value)
                .ok()
                .filter(|value| range.contains(value))
        })
    }

    /// A length of time with its unit, `250ms`, `10s`, `5m`, `1h`, `2d` or `1m30s`, within a range, both ends
    /// included. [`Duration::MAX`] as the end means no upper bound.
    pub fn duration(&self, key: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let ten_seconds = Duration::from_secs(10);
        let example = if range.contains(&ten_seconds) {
            ten_seconds
        } else {
            *range.start()
        };
        let bounds = if *range.end() == Duration::MAX {
            format!("at least {}", show_duration(*range.start()))
        } else {
            format!(
                "from {} to {}",
                show_duration(*range.start()),
                show_duration(*range.end())
            )
        };
        let expected = format!(
            "a duration such as \"{}\", {bounds}",
            show_duration(example)
        );
        self.text(key, Kind::Text, &expected, |text| {
            parse_duration(&text).filter(|value| range.contains(value))
        })
    }

    /// Lengths of time as [`duration`](Self::duration) reads them, each within a range, both ends included.
    pub fn durations(&self, key: &str, range: RangeInclusive<Duration>) -> Option<Vec<Duration>> {
        let texts = self.list(key)?;
        let read = |text: &String| {
            let duration = parse_duration(text).filter(|duration| range.contains(duration));
            if duration.is_none() {
                let message = format!(
                    "has {}: expected durations such as \"5s\", each from {} to {}",
                    quoted(text),
                    show_duration(*range.start()),
                    show_duration(*range.end())
                );
                self.mistake(key, message);
            }
            duration
        };
        texts.iter().map(read).collect()
    }

    /// A number of bytes, `65536` or `"64KiB"` (`B`, `KiB`, `MiB`, `GiB`), within a range, both ends included.
    pub fn size(&self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let example = if range.contains(&65_536) {
            65_536
        } else {
            *range.start()
        };
        let expected = format!(
            "a size in bytes or such as \"{}\", from {} to {}",
            show_size(example),
            show_size(*range.start()),
            show_size(*range.end())
        );
        self.typed(key, &expected, |node, _| {
            let value = match &node.value {
                Value::Integer(_, value) => u64::try_from((*value)?).ok()?,
                Value::Text(text) => parse_size(text)?,
                _ => return None,
            };
            range.contains(&value).then_some(value)
        })
    }

    /// One of a few words.
    pub fn one_of<'v>(&self, key: &str, words: &[&'v str]) -> Option<&'v str> {
        let quoted_words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let expected = format!("one of {}", quoted_words.join(", "));
        let node = self.ask(key, Kind::Text, || expected.clone())?;
        let Value::Text(text) = &node.value else {
            self.wrong(key, &node, &expected, None);
            return None;
        };
        let found = words.iter().find(|word| *word == text);
        if found.is_none() {
            // A near word would tell most of a hidden value.
            let near = if self.is_hidden(key, &node) {
                None
            } else {
                nearest(text, words.iter().copied())
            };
            self.wrong(key, &node, &expected, near);
        }
        found.copied()
    }

    /// A file or folder. A relative one is relative to the folder of the config file, also when the environment
    /// sets it.
    pub fn path(&self, key: &str) -> Option<PathBuf> {
        let folder = &self.shared.folder;
        self.text(key, Kind::Text, "a path", |text| {
            (!text.is_empty()).then(|| folder.join(text))
        })
    }

    /// Several files or folders, each as [`Section::path`] reads one; the list is written as [`Section::list`] says.
    pub fn paths(&self, key: &str) -> Option<Vec<PathBuf>> {
        let folder = &self.shared.folder;
        let texts = self.list(key)?;
        Some(texts.iter().map(|text| folder.join(text)).collect())
    }

    /// An IP address and a port.
    pub fn address(&self, key: &str) -> Option<SocketAddr> {
        let expected = "an IP address and port such as \"127.0.0.1:7411\"";
        self.text(key, Kind::Text, expected, |text| text.parse().ok())
    }

    /// A string that some type can be parsed from. `expected` completes the sentence "expected ..." and is followed
    /// by the type's own error.
    pub fn parse<T>(&self, key: &str, expected: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let node = self.ask(key, Kind::Text, || expected.to_owned())?;
        let Value::Text(text) = &node.value else {
            self.wrong(key, &node, expected, None);
            return None;
        };
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                // The error may quote the value.
                let hide =
                    self.is_hidden(key, &node) || redact_url_passwords(text) != text.as_str();
                let detail = if hide {
                    String::new()
                } else {
                    format!(" ({error})")
                };
                self.wrong(key, &node, &format!("{expected}{detail}"), None);
                None
            }
        }
    }

    /// Several strings: an array, or one string for a list of one. A string from the environment is split at
    /// commas, unless it is a TOML array. The list may be empty.
    pub fn list(&self, key: &str) -> Option<Vec<String>> {
        self.list_separated_by(key, ',')
    }

    /// As [`Section::list`], with another separator for strings from the environment: a list of version ranges is
    /// separated by `;`, because a comma is part of a range.
    pub fn list_separated_by(&self, key: &str, separator: char) -> Option<Vec<String>> {
        self.listed(key, separator, Kinds::Strings)
    }

    /// As [`Section::list`], of which each may also be written as a whole number: ports, for example.
    pub fn list_with_numbers(&self, key: &str) -> Option<Vec<String>> {
        self.listed(key, ',', Kinds::NumbersToo)
    }

    fn listed(&self, key: &str, separator: char, kinds: Kinds) -> Option<Vec<String>> {
        let expected = kinds.many();
        let node = self.ask(key, Kind::Typed, || expected.to_owned())?;
        let is_array = |text: &str| text.trim_start().starts_with('[');
        let parsed = match (&node.value, &node.origin) {
            (Value::Text(text), Origin::Variable(_)) if is_array(text) => {
                let Some(parsed) = self.parse_override(key, &node) else {
                    self.wrong(key, &node, expected, None);
                    return None;
                };
                Some(parsed)
            }
            _ => None,
        };
        let node = parsed.as_ref().unwrap_or(&node);
        match &node.value {
            Value::Text(text) if node.stands_for_any_type() => {
                let items = text
                    .split(separator)
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                Some(items.map(str::to_owned).collect())
            }
            Value::Text(text) => Some(vec![text.clone()]),
            Value::Integer(text, _) if kinds == Kinds::NumbersToo => Some(vec![text.clone()]),
            Value::Array(items) => self.items(key, items, kinds),
            _ => {
                self.wrong(key, node, expected, None);
                None
            }
        }
    }

    /// The strings of an array; every item that is none is reported at its own place. `kinds` says what else will do.
    fn items(&self, key: &str, items: &[Node], kinds: Kinds) -> Option<Vec<String>> {
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match &item.value {
                Value::Text(text) => {
                    texts.push(text.clone());
                    continue;
                }
                Value::Integer(text, _) if kinds == Kinds::NumbersToo => {
                    texts.push(text.clone());
                    continue;
                }
                _ => {}
            }
            let hide = self.is_hidden(key, item);
            let message = format!(
                "item {} of {} {} is {}: expected {}",
                index + 1,
                quoted(key),
                within(&self.path),
                item.describe(hide),
                kinds.one()
            );
            self.shared.mistakes.push(
                Mistake::at(&self.shared.file, &item.origin, message)
                    .with_key(self.dotted_key(key))
                    .with_found(Some(item.shown(hide))),
            );
        }
        (texts.len() == items.len()).then_some(texts)
    }

    fn text<T>(
        &self,
        key: &str,
        kind: Kind,
        expected: &str,
        read: impl FnOnce(String) -> Option<T>,
    ) -> Option<T> {
        let node = self.ask(key, kind, || expected.to_owned())?;
        let value = match &node.value {
            Value::Text(text) => read(text.clone()),
            _ => None,
        };
        if value.is_none() {
            self.wrong(key, &node, expected, None);
        }
        value
    }

    /// Reads a value that is not a string; `read` is told whether a string stands for any type.
    fn typed<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(&Node, bool) -> Option<T>,
    ) -> Option<T> {
        let node = self.ask(key, Kind::Typed, || expected.to_owned())?;
        let value = read(&node, node.stands_for_any_type());
        if value.is_none() {
            let without_quotes = read(&node, true).is_some();
            let hint = if without_quotes {
                ", without quotes"
            } else {
                ""
            };
            self.wrong(key, &node, &format!("{expected}{hint}"), None);
        }
        value
    }
}

/// What the items of a list may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kinds {
    Strings,
    NumbersToo,
}

impl Kinds {
    const fn one(self) -> &'static str {
        match self {
            Self::Strings => "a string",
            Self::NumbersToo => "a whole number or a string",
        }
    }

    const fn many(self) -> &'static str {
        match self {
            Self::Strings => "a string or an array of strings",
            Self::NumbersToo => "a whole number, a string, or an array of these",
        }
    }
}

fn is_identifier(text: &str) -> bool {
    let rest =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    text.len() <= MAX_NAME
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && text.bytes().all(rest)
}
