//! The application's own entries on a message.

use std::collections::BTreeMap;
use std::collections::btree_map;

use crate::error::{Error, ErrorKind, Result};

/// Keys and texts that travel with a message on every transport.
///
/// A key is 1 to 64 bytes of `a-z 0-9 - _ .`, compared in lower case; a value is any Unicode text. At most
/// [`Metadata::MAX_ENTRIES`] entries and [`Metadata::MAX_BYTES`] bytes in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(Option<Box<Entries>>);

/// Boxed, as most messages have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entries {
    by_key: BTreeMap<Box<str>, Box<str>>,
    bytes: usize,
}

impl Metadata {
    /// How many entries a message may carry.
    pub const MAX_ENTRIES: usize = 64;
    /// How many bytes keys and values may take together.
    pub const MAX_BYTES: usize = 8 * 1024;
    const MAX_KEY: usize = 64;

    /// No entries; does not allocate.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Sets an entry; the key is put in lower case.
    ///
    /// # Errors
    /// `InvalidPayload` when the key has other characters than a key may have, `TooLarge` beyond a bound.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<()> {
        let key = key.to_ascii_lowercase();
        let valid = !key.is_empty()
            && key.len() <= Self::MAX_KEY
            && key
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'));
        if !valid {
            return Err(Error::new(
                ErrorKind::InvalidPayload,
                format!(
                    "metadata key {key:?}: expected 1 to {} characters of a-z, 0-9, '-', '_' and '.'",
                    Self::MAX_KEY
                ),
            ));
        }
        let replaced = self
            .get(key.as_str())
            .map_or(0, |old| key.len() + old.len());
        let before = self.0.as_ref().map_or(0, |entries| entries.bytes);
        let bytes = before - replaced + key.len() + value.len();
        let entries = self.len() + usize::from(replaced == 0);
        if bytes > Self::MAX_BYTES || entries > Self::MAX_ENTRIES {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!(
                    "metadata of {entries} entries and {bytes} bytes: at most {} entries and {} bytes",
                    Self::MAX_ENTRIES,
                    Self::MAX_BYTES
                ),
            ));
        }
        let own = self.0.get_or_insert_default();
        own.bytes = bytes;
        own.by_key.insert(key.into(), value.into());
        Ok(())
    }

    /// The value of a key, given in lower case.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.as_ref()?.by_key.get(key).map(AsRef::as_ref)
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |entries| entries.by_key.len())
    }

    /// The entries by key.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.as_ref().map(|entries| entries.by_key.iter()))
    }
}

/// The entries of a [`Metadata`] by key.
#[derive(Clone, Debug)]
pub struct Iter<'a>(Option<btree_map::Iter<'a, Box<str>, Box<str>>>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.0.as_mut()?.next()?;
        Some((key.as_ref(), value.as_ref()))
    }
}

impl<'a> IntoIterator for &'a Metadata {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_and_name_both_sides() {
        let mut metadata = Metadata::new();
        metadata.insert("Tenant", "blå").unwrap();
        assert_eq!(metadata.get("tenant"), Some("blå"));
        let error = metadata.insert("a b", "x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidPayload);
        assert_eq!(
            error.to_string(),
            "metadata key \"a b\": expected 1 to 64 characters of a-z, 0-9, '-', '_' and '.'"
        );
        let error = metadata
            .insert("big", &"x".repeat(Metadata::MAX_BYTES))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        for entry in 0..Metadata::MAX_ENTRIES - 1 {
            metadata.insert(&format!("k{entry}"), "").unwrap();
        }
        assert_eq!(
            metadata.insert("last", "").unwrap_err().kind(),
            ErrorKind::TooLarge
        );
        metadata.insert("tenant", "replaced").unwrap();
        assert_eq!(metadata.len(), Metadata::MAX_ENTRIES);
    }
}
