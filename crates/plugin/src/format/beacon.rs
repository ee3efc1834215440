use serde::{Deserialize, Serialize};

use super::document::{MAX_SEQ, Probe, bounded, contradiction, json, to_json};
use super::{FORMAT, FormatError, PluginName, RepositoryId};

/// `beacons/<plugin>.json`: that the publisher was there at some time, for consumers who may not write to the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    format: u64,
    /// The repository that it belongs to.
    pub repository: RepositoryId,
    /// The plugin that it is about.
    pub plugin: PluginName,
    /// The index that was there then.
    pub seq: u64,
    /// When that was, in milliseconds since 1970-01-01T00:00:00Z by the publisher's clock.
    pub issued_ms: u64,
}

const DOCUMENT: &str = "the beacon";

impl Beacon {
    /// The largest document, in bytes.
    pub const MAX_BYTES: u64 = 4096;

    /// A beacon of the format that this version writes.
    #[must_use]
    pub fn new(repository: RepositoryId, plugin: PluginName, seq: u64, issued_ms: u64) -> Self {
        Self {
            format: FORMAT,
            repository,
            plugin,
            seq,
            issued_ms,
        }
    }

    /// Reads the document, whose signature was verified.
    ///
    /// # Errors
    /// [`FormatError`] when it is too large, newer than this reader, or not valid.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        bounded(DOCUMENT, bytes.len(), Self::MAX_BYTES)?;
        Probe::check(DOCUMENT, bytes)?;
        let beacon: Self = json(DOCUMENT, bytes)?;
        if beacon.seq > MAX_SEQ || beacon.issued_ms > MAX_SEQ {
            return Err(contradiction(
                DOCUMENT,
                format!("numbers above {MAX_SEQ} are not valid"),
            ));
        }
        Ok(beacon)
    }

    /// The document.
    ///
    /// # Errors
    /// [`FormatError`] when no reader would accept it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FormatError> {
        to_json(DOCUMENT, self, Self::MAX_BYTES)
    }
}
