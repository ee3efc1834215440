use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::document::{MAX_SEQ, Probe, bounded, contradiction, json, to_json};
use super::{FORMAT, FormatError, PluginName, ReleaseId, RepositoryId};

/// `index/<plugin>.json`: which release each major version is served by. The one file of a repository that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The format that it was written in.
    pub format: u64,
    /// The oldest format whose readers understand it.
    pub min_format: u64,
    /// The repository that it belongs to.
    pub repository: RepositoryId,
    /// The plugin that it is about.
    pub plugin: PluginName,
    /// One more with every change. No reader goes back to a lower one.
    pub seq: u64,
    /// The release that serves each major version of contracts.
    pub majors: BTreeMap<u64, ReleaseId>,
    /// The release that each major was served by before, where there is one to go back to.
    pub previous: BTreeMap<u64, ReleaseId>,
    /// Releases that must not run any more.
    pub revoked: BTreeSet<ReleaseId>,
}

const DOCUMENT: &str = "the index";

impl Index {
    /// The largest document, in bytes.
    pub const MAX_BYTES: u64 = 512 << 10;
    /// The most major versions.
    pub const MAX_MAJORS: usize = 64;
    /// The most revoked releases.
    pub const MAX_REVOKED: usize = 1000;
    /// The largest [`seq`](Self::seq).
    pub const MAX_SEQ: u64 = MAX_SEQ;

    /// The index of a plugin before its first deployment. It has the sequence number 0, which no file has.
    #[must_use]
    pub fn empty(repository: RepositoryId, plugin: PluginName) -> Self {
        Self {
            format: FORMAT,
            min_format: FORMAT,
            repository,
            plugin,
            seq: 0,
            majors: BTreeMap::new(),
            previous: BTreeMap::new(),
            revoked: BTreeSet::new(),
        }
    }

    /// Reads the document, whose signature was verified.
    ///
    /// # Errors
    /// [`FormatError`] when it is too large, newer than this reader, not valid, or contradicts itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        bounded(DOCUMENT, bytes.len(), Self::MAX_BYTES)?;
        Probe::check(DOCUMENT, bytes)?;
        let index: Self = json(DOCUMENT, bytes)?;
        index.check()?;
        Ok(index)
    }

    /// The document.
    ///
    /// # Errors
    /// [`FormatError`] when no reader would accept it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FormatError> {
        self.check()?;
        to_json(DOCUMENT, self, Self::MAX_BYTES)
    }

    /// Whether it names a release for some major, and does not revoke it.
    #[must_use]
    pub fn names(&self, release: &ReleaseId) -> bool {
        self.majors.values().any(|named| named == release)
    }

    fn check(&self) -> Result<(), FormatError> {
        let wrong = |why: String| Err(contradiction(DOCUMENT, why));
        if !(1..=Self::MAX_SEQ).contains(&self.seq) {
            return wrong(format!(
                "seq {}: 1 to {} are valid",
                self.seq,
                Self::MAX_SEQ
            ));
        }
        for (what, found) in [("majors", &self.majors), ("previous", &self.previous)] {
            if found.len() > Self::MAX_MAJORS {
                let found = found.len();
                return wrong(format!(
                    "{found} {what}: at most {} are valid",
                    Self::MAX_MAJORS
                ));
            }
        }
        if self.revoked.len() > Self::MAX_REVOKED {
            let found = self.revoked.len();
            return wrong(format!(
                "{found} revoked releases: at most {} are valid",
                Self::MAX_REVOKED
            ));
        }
        let named = self.majors.values().chain(self.previous.values());
        if let Some(release) = named.into_iter().find(|named| self.revoked.contains(named)) {
            return wrong(format!("release {release} is named and revoked"));
        }
        Ok(())
    }
}
