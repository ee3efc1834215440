use std::collections::BTreeSet;
use std::path::Path;

use polywire_contract::Version;

use super::pack::input;
use super::{FOLDER, Inspector, PublishError, Publisher, lock};
use crate::copy::copy;
use crate::disk::{FROZEN, list};
use crate::format::{Manifest, PluginName, ReleaseId};
use crate::layout::{MANIFEST, SIGNATURE, below};
use crate::refusal::Refusal;
use crate::root::Root;
use crate::trust::{Purpose, TrustedKeys};
use crate::verified;

/// A release that is in the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The release.
    pub release: ReleaseId,
    /// Whether it is new; the same release was there already otherwise.
    pub new: bool,
}

impl Publisher {
    /// Signs a packed release and puts it into the repository. Nothing runs it before it is deployed.
    ///
    /// # Errors
    /// [`PublishError::Taken`] when the version exists with other content, [`PublishError::Busy`], and the others when what was
    /// packed is not as its manifest says, or the disk fails.
    pub fn publish(&self, packed: &Path) -> Result<Published, PublishError> {
        let source = Root::new(packed);
        let file = source.read(Path::new(MANIFEST), Manifest::MAX_BYTES)?;
        let manifest = Manifest::parse(&file)?;
        let (plugin, id) = (&manifest.description().plugin, manifest.release());
        let _lock = lock::hold(&self.disk, &self.layout)?;
        if let Some(found) = self.published(plugin, id.version())? {
            if found != *id {
                return Err(PublishError::Taken {
                    plugin: plugin.clone(),
                    found,
                });
            }
            self.manifest(plugin, id)?;
            let release = found;
            return Ok(Published {
                release,
                new: false,
            });
        }
        let staged = self
            .layout
            .staging()
            .join(format!("{:032x}", rand::random::<u128>()));
        self.disk.folder(&staged, FOLDER)?;
        self.stage(&source, &manifest, &staged)?;
        let signature = self.key.sign(Purpose::Manifest, &file)?;
        self.disk.write(&staged.join(MANIFEST), &file, FROZEN)?;
        self.disk
            .write(&staged.join(SIGNATURE), signature.as_bytes(), FROZEN)?;
        self.disk.sync_folder(&staged)?;
        self.disk.folder(&self.layout.acks(plugin), FOLDER)?;
        self.disk.folder(&self.layout.releases(plugin), FOLDER)?;
        let place = self.layout.release(plugin, id);
        self.disk.rename(&staged, &place)?;
        self.disk.sync_parent(&place)?;
        self.disk.sync_parent(&staged)?;
        Ok(Published {
            release: id.clone(),
            new: true,
        })
    }

    fn stage(&self, source: &Root, manifest: &Manifest, staged: &Path) -> Result<(), PublishError> {
        let mut folders = BTreeSet::new();
        for artifact in &manifest.description().artifacts {
            let below = Path::new(artifact.file.folder()).join(artifact.file.file());
            let from = source.path().join(&below);
            let (file, size) = source.open(&below)?;
            if size != artifact.size {
                let why = format!(
                    "it has {size} bytes, and the manifest says {}: pack it anew",
                    artifact.size
                );
                return Err(input(&from, why));
            }
            let folder = staged.join(artifact.file.folder());
            self.disk.folder(&folder, FOLDER)?;
            let to = artifact.file.below(staged);
            let target = self.disk.create(&to, FROZEN)?;
            let copied = copy(&self.disk, (file, &from), (&target, &to), artifact.size)?;
            if copied.digest != artifact.digest {
                let why = format!(
                    "it has {}, and the manifest says {}: pack it anew",
                    copied.digest, artifact.digest
                );
                return Err(input(&from, why));
            }
            folders.insert(folder);
        }
        for folder in &folders {
            self.disk.sync_folder(folder)?;
        }
        Ok(())
    }
}

impl Inspector {
    /// The release of a version.
    ///
    /// # Errors
    /// [`PublishError::NotPublished`] names those that are there.
    pub fn find(&self, plugin: &PluginName, version: &Version) -> Result<ReleaseId, PublishError> {
        self.published(plugin, version)?
            .ok_or_else(|| self.not_published(plugin, version.to_string()))
    }

    /// The releases of a plugin, by version.
    ///
    /// # Errors
    /// [`PublishError::Disk`].
    pub fn releases(&self, plugin: &PluginName) -> Result<Vec<ReleaseId>, PublishError> {
        let names = list(&self.layout.releases(plugin))?;
        let mut releases: Vec<ReleaseId> =
            names.iter().filter_map(|name| name.parse().ok()).collect();
        releases.sort();
        Ok(releases)
    }

    pub(super) fn not_published(&self, plugin: &PluginName, wanted: String) -> PublishError {
        let versions = self.releases(plugin).unwrap_or_default();
        let versions: Vec<_> = versions.iter().map(|id| id.version().to_string()).collect();
        PublishError::NotPublished {
            plugin: plugin.clone(),
            wanted,
            offered: if versions.is_empty() {
                "none".to_owned()
            } else {
                versions.join(", ")
            },
        }
    }

    fn published(
        &self,
        plugin: &PluginName,
        version: &Version,
    ) -> Result<Option<ReleaseId>, PublishError> {
        let releases = self.releases(plugin)?;
        Ok(releases.into_iter().find(|id| id.version() == version))
    }

    /// The manifest of a release, once every byte of it was checked.
    ///
    /// # Errors
    /// [`PublishError::NotPublished`], and [`PublishError::Refused`] when the release is not as it was signed.
    pub fn manifest(&self, plugin: &PluginName, id: &ReleaseId) -> Result<Manifest, PublishError> {
        if !self.layout.release(plugin, id).is_dir() {
            return Err(self.not_published(plugin, id.to_string()));
        }
        Ok(check(&self.root, &self.keys, plugin, id)?)
    }
}

/// The manifest of a release, once its signature and every byte of its artifacts were checked.
pub(super) fn check(
    root: &Root,
    keys: &TrustedKeys,
    plugin: &PluginName,
    id: &ReleaseId,
) -> Result<Manifest, Refusal> {
    let file = root.read(&below::manifest(plugin, id), Manifest::MAX_BYTES)?;
    let most = u64::try_from(TrustedKeys::MAX_SIGNATURE).unwrap_or(u64::MAX);
    let signature = root.read(&below::signature(plugin, id), most)?;
    let manifest = verified::manifest(&file, &signature, keys, plugin, id)?;
    for artifact in &manifest.description().artifacts {
        crate::fetch::check(root, &below::artifact(plugin, id, &artifact.file), artifact)?;
    }
    Ok(manifest)
}
