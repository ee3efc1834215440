use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::FormatError;
use super::error::cut;

/// The newest format of repositories that this version reads, and the one that it writes.
pub const FORMAT: u64 = 1;

/// The largest sequence number, so that every reader of JSON holds it exactly (RFC 8259, section 6).
pub(super) const MAX_SEQ: u64 = (1 << 53) - 1;

/// A document and its signature in one file, so that no reader ever holds the one of today and the other of yesterday.
///
/// A JSON object: `signed` is the document as one text, whose bytes the signature is over; `signature` is a minisign signature,
/// four lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The document, as a text.
    pub signed: String,
    /// The minisign signature over its bytes.
    pub signature: String,
}

impl Signed {
    /// The largest file, in bytes.
    pub const MAX_BYTES: u64 = 1 << 20;

    /// Takes the file apart. Nothing is verified yet.
    ///
    /// # Errors
    /// [`FormatError::TooLarge`] and [`FormatError::Syntax`].
    pub fn parse(document: &'static str, bytes: &[u8]) -> Result<Self, FormatError> {
        bounded(document, bytes.len(), Self::MAX_BYTES)?;
        json(document, bytes)
    }

    /// The file.
    ///
    /// # Errors
    /// [`FormatError::TooLarge`], when nobody would read it.
    pub fn to_bytes(&self, document: &'static str) -> Result<Vec<u8>, FormatError> {
        to_json(document, self, Self::MAX_BYTES)
    }
}

pub(super) fn bounded(document: &'static str, found: usize, most: u64) -> Result<(), FormatError> {
    let found = u64::try_from(found).unwrap_or(u64::MAX);
    if found > most {
        return Err(FormatError::TooLarge {
            document,
            found,
            most,
        });
    }
    Ok(())
}

pub(super) fn syntax(document: &'static str, why: &dyn Display) -> FormatError {
    FormatError::Syntax {
        document,
        why: cut(&format!("{why}")),
    }
}

pub(super) fn contradiction(document: &'static str, why: impl Into<String>) -> FormatError {
    FormatError::Contradiction {
        document,
        why: why.into(),
    }
}

pub(super) fn json<T: DeserializeOwned>(
    document: &'static str,
    bytes: &[u8],
) -> Result<T, FormatError> {
    serde_json::from_slice(bytes).map_err(|error| syntax(document, &error))
}

/// A JSON document for people to read, with a line end.
pub(super) fn to_json<T: Serialize>(
    document: &'static str,
    value: &T,
    most: u64,
) -> Result<Vec<u8>, FormatError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| syntax(document, &error))?;
    bytes.push(b'\n');
    bounded(document, bytes.len(), most)?;
    Ok(bytes)
}

/// Refuses what only a newer reader understands, before anything else of it is looked at.
pub(super) fn readable(document: &'static str, needed: u64) -> Result<(), FormatError> {
    if needed == 0 {
        return Err(contradiction(
            document,
            "format 0 does not exist: the first is 1",
        ));
    }
    if needed > FORMAT {
        return Err(FormatError::Newer {
            document,
            needed,
            spoken: FORMAT,
        });
    }
    Ok(())
}

/// The format of a document in JSON, ahead of its other keys.
#[derive(Deserialize)]
pub(super) struct Probe {
    format: u64,
    min_format: Option<u64>,
}

impl Probe {
    pub(super) fn check(document: &'static str, bytes: &[u8]) -> Result<(), FormatError> {
        let Self { format, min_format } = json(document, bytes)?;
        let needed = min_format.unwrap_or(format);
        if needed > format {
            return Err(contradiction(
                document,
                format!("min_format {needed} is above format {format}"),
            ));
        }
        readable(document, needed)
    }
}
