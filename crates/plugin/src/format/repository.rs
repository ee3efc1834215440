use serde::{Deserialize, Serialize};

use super::document::{bounded, readable, syntax};
use super::{FORMAT, FormatError, RepositoryId};

/// `repo.toml`: which repository a folder is. People may edit it, so it refuses keys that it does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositoryFile {
    format: u64,
    /// Which repository it is.
    pub id: RepositoryId,
}

const DOCUMENT: &str = "repo.toml";

impl RepositoryFile {
    /// The largest file, in bytes.
    pub const MAX_BYTES: u64 = 4096;

    /// A repository of the format that this version writes.
    #[must_use]
    pub fn new(id: RepositoryId) -> Self {
        Self { format: FORMAT, id }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`FormatError`] when it is too large, newer than this reader, or not valid.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        bounded(DOCUMENT, bytes.len(), Self::MAX_BYTES)?;
        let text = std::str::from_utf8(bytes).map_err(|error| syntax(DOCUMENT, &error))?;
        let table: toml::Table = text.parse().map_err(|error| syntax(DOCUMENT, &error))?;
        if let Some(needed) = table.get("format").and_then(toml::Value::as_integer) {
            readable(DOCUMENT, u64::try_from(needed).unwrap_or(0))?;
        }
        table.try_into().map_err(|error| syntax(DOCUMENT, &error))
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        format!("format = {}\nid = \"{}\"\n", self.format, self.id).into_bytes()
    }
}
