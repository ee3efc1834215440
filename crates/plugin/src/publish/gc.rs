use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{PublishError, Publisher, lock};
use crate::disk::{DiskError, SHARED, list};
use crate::format::{PluginName, ReleaseId};

/// What is kept besides what the index and the acknowledgements need.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// How many of the highest versions.
    pub versions: usize,
    /// The age from which an acknowledgement no longer counts, and is removed. It must be well above the longest deployment
    /// window: a consumer that cannot reach the repository still runs what it had.
    pub acks: Duration,
}

impl Default for Keep {
    /// Three versions, and acknowledgements of a day.
    fn default() -> Self {
        Self {
            versions: 3,
            acks: Duration::from_secs(86_400),
        }
    }
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Releases that nobody needs.
    pub releases: Vec<ReleaseId>,
    /// Files of acknowledgements that are too old.
    pub acks: Vec<String>,
}

impl Publisher {
    /// Removes the releases of a plugin that neither the index, nor an acknowledgement, nor the highest versions need. Each is
    /// moved aside by one rename before it is removed: none is ever half there.
    ///
    /// # Errors
    /// [`PublishError::Refused`] when the index or an acknowledgement that is not old is not valid: then nothing is removed.
    pub fn gc(&self, plugin: &PluginName, keep: Keep) -> Result<Collected, PublishError> {
        let _lock = lock::hold(&self.disk, &self.layout)?;
        let mut needed = BTreeSet::new();
        if let Some((index, _)) = self.index(plugin)? {
            needed.extend(index.majors.into_values());
            needed.extend(index.previous.into_values());
        }
        let now = self.now_there()?;
        let mut old = Vec::new();
        for name in list(&self.layout.acks(plugin))? {
            let path = self.layout.acks(plugin).join(&name);
            if age(&path, now)? > keep.acks {
                old.push(name);
            } else if name.ends_with(".json") {
                needed.extend(self.ack(plugin, &name)?.needs().cloned());
            }
        }
        let releases = self.releases(plugin)?;
        needed.extend(releases.iter().rev().take(keep.versions).cloned());
        let mut collected = Collected::default();
        for name in old {
            self.disk.remove(&self.layout.acks(plugin).join(&name))?;
            collected.acks.push(name);
        }
        for release in releases
            .into_iter()
            .filter(|release| !needed.contains(release))
        {
            let place = self.layout.release(plugin, &release);
            let aside = self
                .layout
                .staging()
                .join(format!("{:032x}", rand::random::<u128>()));
            self.disk.rename(&place, &aside)?;
            self.disk.sync_parent(&place)?;
            self.disk.remove(&aside)?;
            collected.releases.push(release);
        }
        Ok(collected)
    }

    /// The time by the clock of the machine that keeps the files, which is not always this one.
    pub(super) fn now_there(&self) -> Result<SystemTime, PublishError> {
        let path = self.layout.staging().join("now");
        self.disk.write(&path, b"now", SHARED)?;
        let now = modified(&path)?;
        self.disk.remove(&path)?;
        Ok(now)
    }
}

pub(super) fn modified(path: &Path) -> Result<SystemTime, DiskError> {
    let metadata = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    metadata.map_err(|error| DiskError::new("lstat", path, error))
}

/// How long ago a file was written; nothing for one that is gone or written just now.
fn age(path: &Path, now: SystemTime) -> Result<Duration, DiskError> {
    match modified(path) {
        Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => Ok(Duration::ZERO),
        other => Ok(now.duration_since(other?).unwrap_or_default()),
    }
}
