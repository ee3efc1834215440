use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::document::{MAX_SEQ, Probe, bounded, contradiction, json, to_json};
use super::error::cut;
use super::{FORMAT, FormatError, InstanceId, PluginName, ReleaseId, RepositoryId};

/// `acks/<plugin>/<instance>.json`: what one consumer runs. It is not signed: it informs, and nothing that is loaded depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    format: u64,
    /// The repository that it belongs to.
    pub repository: RepositoryId,
    /// The plugin that it is about.
    pub plugin: PluginName,
    /// Who says so.
    pub instance: InstanceId,
    /// One more each time that it is written: one that moves is alive.
    pub beat: u64,
    /// The index that it read last, 0 before the first.
    pub seq_seen: u64,
    /// What serves each major.
    pub running: BTreeMap<u64, ReleaseId>,
    /// What still finishes calls.
    pub draining: BTreeSet<ReleaseId>,
    /// How many old generations were unmapped.
    pub unmapped: u64,
    /// How many old generations are kept mapped, and entered no more.
    pub retired: u64,
    /// Its deployment window in milliseconds.
    pub window_ms: u64,
    /// For how much longer, in milliseconds, it lets calls in without another contact.
    pub lease_ms: u64,
    /// A release that it left of its own accord and asks to be taken back.
    pub rollback_wanted: Option<ReleaseId>,
    /// Why it does not run what the index names.
    pub error: Option<AckError>,
}

/// Why a consumer does not run what the index names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AckError {
    /// The release that it is about, where that is known.
    pub release: Option<ReleaseId>,
    /// The kind of the failure, in kebab case.
    pub code: String,
    /// What happened, in one line.
    pub message: String,
}

impl AckError {
    /// A failure, with its texts cut after 200 characters.
    #[must_use]
    pub fn new(release: Option<ReleaseId>, code: &str, message: &str) -> Self {
        Self {
            release,
            code: cut(code),
            message: cut(message),
        }
    }
}

const DOCUMENT: &str = "the acknowledgement";

impl Ack {
    /// The largest document, in bytes.
    pub const MAX_BYTES: u64 = 64 << 10;
    /// The most releases in each list.
    pub const MAX_RELEASES: usize = 128;

    /// The first one of a consumer, which runs nothing yet.
    #[must_use]
    pub fn new(repository: RepositoryId, plugin: PluginName, instance: InstanceId) -> Self {
        Self {
            format: FORMAT,
            repository,
            plugin,
            instance,
            beat: 0,
            seq_seen: 0,
            running: BTreeMap::new(),
            draining: BTreeSet::new(),
            unmapped: 0,
            retired: 0,
            window_ms: 0,
            lease_ms: 0,
            rollback_wanted: None,
            error: None,
        }
    }

    /// Reads the document.
    ///
    /// # Errors
    /// [`FormatError`] when it is too large, newer than this reader, or not valid.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        bounded(DOCUMENT, bytes.len(), Self::MAX_BYTES)?;
        Probe::check(DOCUMENT, bytes)?;
        let ack: Self = json(DOCUMENT, bytes)?;
        ack.check()?;
        Ok(ack)
    }

    /// The document.
    ///
    /// # Errors
    /// [`FormatError`] when no reader would accept it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FormatError> {
        self.check()?;
        to_json(DOCUMENT, self, Self::MAX_BYTES)
    }

    /// Every release that it runs or finishes: those that must not be removed.
    pub fn needs(&self) -> impl Iterator<Item = &ReleaseId> {
        self.running.values().chain(&self.draining)
    }

    fn check(&self) -> Result<(), FormatError> {
        let most = self.running.len().max(self.draining.len());
        if most > Self::MAX_RELEASES {
            return Err(contradiction(
                DOCUMENT,
                format!("{most} releases: at most {} are valid", Self::MAX_RELEASES),
            ));
        }
        let numbers = [
            self.beat,
            self.seq_seen,
            self.unmapped,
            self.retired,
            self.window_ms,
            self.lease_ms,
        ];
        if let Some(found) = numbers.into_iter().find(|number| *number > MAX_SEQ) {
            return Err(contradiction(
                DOCUMENT,
                format!("the number {found}: at most {MAX_SEQ} is valid"),
            ));
        }
        Ok(())
    }
}
