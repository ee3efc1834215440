use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{PublishError, Publisher, lock};
use crate::disk::SHARED;
use crate::format::{Beacon, Index, Manifest, PluginName, ReleaseId, Signed};
use crate::trust::Purpose;

/// What is to be deployed.
#[derive(Clone, Debug)]
pub struct Deploy {
    /// The release.
    pub release: ReleaseId,
    /// The majors that it is to serve; the highest one that it can where this is empty.
    pub majors: BTreeSet<u64>,
    /// The sequence number that the index must still have, where the caller has looked at it.
    pub expected_seq: Option<u64>,
}

/// What became of the majors that a revoked release served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The new index.
    pub index: Index,
    /// Majors that the release before serves again.
    pub fell_back: BTreeMap<u64, ReleaseId>,
    /// Majors that nothing serves any more.
    pub ended: BTreeSet<u64>,
}

impl Publisher {
    /// Lets a release serve majors, once every byte of it was checked. Answers the new index.
    ///
    /// # Errors
    /// [`PublishError`] says why the index was left as it is.
    pub fn deploy(&self, plugin: &PluginName, deploy: &Deploy) -> Result<Index, PublishError> {
        let _lock = lock::hold(&self.disk, &self.layout)?;
        let mut index = self.current(plugin)?;
        if let Some(expected) = deploy.expected_seq
            && expected != index.seq
        {
            let found = index.seq;
            return Err(PublishError::Stale { expected, found });
        }
        let manifest = self.runnable(&index, &deploy.release)?;
        let highest = manifest.majors().into_iter().next_back();
        let majors = if deploy.majors.is_empty() {
            highest.into_iter().collect()
        } else {
            deploy.majors.clone()
        };
        for major in majors {
            serves(&manifest, major)?;
            let before = index.majors.insert(major, deploy.release.clone());
            if let Some(before) = before.filter(|before| *before != deploy.release) {
                index.previous.insert(major, before);
            }
        }
        self.succeed(index)
    }

    /// Lets a major be served by the release before, or by one that is named. A second step back needs a name.
    ///
    /// # Errors
    /// [`PublishError::NoPrevious`], and the others of [`deploy`](Self::deploy).
    pub fn rollback(
        &self,
        plugin: &PluginName,
        major: u64,
        to: Option<&ReleaseId>,
    ) -> Result<Index, PublishError> {
        let _lock = lock::hold(&self.disk, &self.layout)?;
        let mut index = self.current(plugin)?;
        let Some(target) = to.or(index.previous.get(&major)).cloned() else {
            return Err(PublishError::NoPrevious {
                plugin: plugin.clone(),
                major,
            });
        };
        let manifest = self.runnable(&index, &target)?;
        serves(&manifest, major)?;
        index.majors.insert(major, target);
        index.previous.remove(&major);
        self.succeed(index)
    }

    /// Forbids a release. Consumers stop it at their next contact, without draining. Majors that it served go back to the
    /// release before, or end.
    ///
    /// # Errors
    /// [`PublishError`] says why the index was left as it is.
    pub fn revoke(
        &self,
        plugin: &PluginName,
        release: &ReleaseId,
    ) -> Result<Revoked, PublishError> {
        let _lock = lock::hold(&self.disk, &self.layout)?;
        let mut index = self.current(plugin)?;
        if !self.layout.release(plugin, release).is_dir() {
            return Err(self.not_published(plugin, release.to_string()));
        }
        index.revoked.insert(release.clone());
        index.previous.retain(|_, before| before != release);
        let served = index.majors.iter().filter(|(_, named)| *named == release);
        let served: Vec<u64> = served.map(|(major, _)| *major).collect();
        let (mut fell_back, mut ended) = (BTreeMap::new(), BTreeSet::new());
        for major in served {
            match index.previous.remove(&major) {
                Some(before) if self.manifest(plugin, &before).is_ok() => {
                    index.majors.insert(major, before.clone());
                    fell_back.insert(major, before);
                }
                _ => {
                    index.majors.remove(&major);
                    ended.insert(major);
                }
            }
        }
        let index = self.succeed(index)?;
        Ok(Revoked {
            index,
            fell_back,
            ended,
        })
    }

    /// Says that the publisher is there, for consumers who may only read: to be repeated at least every quarter of their window.
    ///
    /// # Errors
    /// [`PublishError::NotPublished`] when nothing is deployed, and [`PublishError::Disk`].
    pub fn beacon(&self, plugin: &PluginName) -> Result<Beacon, PublishError> {
        let _lock = lock::hold(&self.disk, &self.layout)?;
        let index = self.current(plugin)?;
        if index.seq == 0 {
            return Err(self.not_published(plugin, "that is deployed".to_owned()));
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let beacon = Beacon::new(self.id.clone(), plugin.clone(), index.seq, now);
        let signed = String::from_utf8_lossy(&beacon.to_bytes()?).into_owned();
        let signature = self.key.sign(Purpose::Beacon, signed.as_bytes())?;
        let file = Signed { signed, signature }.to_bytes("the beacon")?;
        self.disk
            .replace(&self.layout.beacon(plugin), &file, SHARED)?;
        Ok(beacon)
    }

    fn current(&self, plugin: &PluginName) -> Result<Index, PublishError> {
        Ok(match self.index(plugin)? {
            Some((index, _)) => index,
            None => Index::empty(self.id.clone(), plugin.clone()),
        })
    }

    fn runnable(&self, index: &Index, release: &ReleaseId) -> Result<Manifest, PublishError> {
        if index.revoked.contains(release) {
            return Err(PublishError::Revoked {
                release: release.clone(),
            });
        }
        self.manifest(&index.plugin, release)
    }
}

fn serves(manifest: &Manifest, major: u64) -> Result<(), PublishError> {
    let served = manifest.majors();
    if served.contains(&major) {
        return Ok(());
    }
    let served: Vec<_> = served.iter().map(u64::to_string).collect();
    Err(PublishError::NotServed {
        release: manifest.release().clone(),
        major,
        served: served.join(", "),
    })
}
