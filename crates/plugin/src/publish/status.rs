use std::time::SystemTime;

use serde::Serialize;

use super::gc::modified;
use super::{Inspector, PublishError};
use crate::format::{Ack, Index, PluginName, ReleaseId, RepositoryId};
use crate::trust::KeyId;

/// What is in a repository, and who runs what.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Which repository it is.
    pub repository: RepositoryId,
    /// Its plugins, by name.
    pub plugins: Vec<PluginStatus>,
}

/// What there is of one plugin.
#[derive(Clone, Debug, Serialize)]
pub struct PluginStatus {
    /// The plugin.
    pub plugin: PluginName,
    /// Its index, unless nothing was deployed.
    pub index: Option<Index>,
    /// The key that signed the index.
    pub signed_by: Option<KeyId>,
    /// Its releases, by version.
    pub releases: Vec<ReleaseStatus>,
    /// Its consumers, by name.
    pub acks: Vec<AckStatus>,
}

/// One release.
#[derive(Clone, Debug, Serialize)]
pub struct ReleaseStatus {
    /// The release.
    pub release: ReleaseId,
    /// The majors that it serves by the index.
    pub majors: Vec<u64>,
    /// Whether it must not run.
    pub revoked: bool,
}

/// What one consumer says, and how long ago.
#[derive(Clone, Debug, Serialize)]
pub struct AckStatus {
    /// What it says.
    pub ack: Ack,
    /// How old its file is in seconds, by the clocks of this machine and of the one that keeps the file.
    pub age_seconds: u64,
    /// Whether it has read the index that is there now.
    pub current: bool,
}

impl Inspector {
    /// What is in the repository. Signatures of indexes are checked, releases are not: that is [`verify`](Self::verify).
    ///
    /// # Errors
    /// [`PublishError`] when it cannot be read, or an index is not valid.
    pub fn status(&self) -> Result<Status, PublishError> {
        let plugins = self.plugins()?;
        let plugins: Result<_, _> = plugins
            .iter()
            .map(|plugin| self.plugin_status(plugin))
            .collect();
        Ok(Status {
            repository: self.id.clone(),
            plugins: plugins?,
        })
    }

    fn plugin_status(&self, plugin: &PluginName) -> Result<PluginStatus, PublishError> {
        let (index, signed_by) = self.index(plugin)?.unzip();
        let releases = self.releases(plugin)?.into_iter().map(|release| {
            let majors = index.iter().flat_map(|index| &index.majors);
            let majors = majors.filter(|(_, named)| **named == release);
            ReleaseStatus {
                majors: majors.map(|(major, _)| *major).collect(),
                revoked: index
                    .as_ref()
                    .is_some_and(|index| index.revoked.contains(&release)),
                release,
            }
        });
        let seq = index.as_ref().map_or(0, |index| index.seq);
        let acks = self.acks(plugin)?.into_iter().map(|ack| {
            let written = modified(&self.layout.ack(plugin, &ack.instance));
            let age = written
                .ok()
                .and_then(|time| SystemTime::now().duration_since(time).ok());
            AckStatus {
                age_seconds: age.unwrap_or_default().as_secs(),
                current: ack.seq_seen == seq,
                ack,
            }
        });
        Ok(PluginStatus {
            plugin: plugin.clone(),
            releases: releases.collect(),
            acks: acks.collect(),
            index,
            signed_by,
        })
    }
}
