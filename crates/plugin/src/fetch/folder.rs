use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Fetcher, ManifestFiles, Source};
use crate::disk::{Disk, DiskError, Observer, SHARED};
use crate::format::{Ack, ArtifactPath, InstanceId, Manifest, PluginName, ReleaseId, Signed};
use crate::layout::{ACKS, Layout, below};
use crate::refusal::Refusal;
use crate::root::Root;
use crate::trust::TrustedKeys;

/// A repository in a folder of this machine, or of one that is mounted. Links in it are not followed.
#[derive(Clone, Debug)]
pub struct FolderFetcher {
    root: Root,
    layout: Layout,
    disk: Disk,
}

impl FolderFetcher {
    /// The repository in a folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            root: Root::new(folder),
            layout: Layout::new(folder),
            disk: Disk::default(),
        }
    }

    /// The same, with each system call that writes told to an observer.
    #[must_use]
    pub fn watched(folder: &Path, observer: Arc<Observer>) -> Self {
        Self {
            disk: Disk::watched(observer),
            ..Self::new(folder)
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.root.path()
    }

    /// The folder of a plugin's acknowledgements. Only the last one is made: where the others are missing, there is no
    /// repository, but perhaps the folder on which it was mounted.
    fn acks(&self, plugin: &PluginName) -> Result<PathBuf, Refusal> {
        let all = self.root.path().join(ACKS);
        folder(&all)?;
        let acks = self.layout.acks(plugin);
        match folder(&acks) {
            Err(Refusal::Missing { .. }) => {
                self.disk.folder(&acks, 0o755).map_err(unreachable)?;
            }
            other => other?,
        }
        Ok(acks)
    }
}

impl Fetcher for FolderFetcher {
    fn describe(&self) -> String {
        self.root.path().display().to_string()
    }

    fn index(&self, plugin: &PluginName) -> Result<Vec<u8>, Refusal> {
        self.root.read(&below::index(plugin), Signed::MAX_BYTES)
    }

    fn beacon(&self, plugin: &PluginName) -> Result<Vec<u8>, Refusal> {
        self.root.read(&below::beacon(plugin), Signed::MAX_BYTES)
    }

    fn manifest(&self, plugin: &PluginName, release: &ReleaseId) -> Result<ManifestFiles, Refusal> {
        let most = u64::try_from(TrustedKeys::MAX_SIGNATURE).unwrap_or(u64::MAX);
        let read = |path: &Path, most| self.root.read(path, most);
        Ok(ManifestFiles {
            manifest: read(&below::manifest(plugin, release), Manifest::MAX_BYTES)?,
            signature: read(&below::signature(plugin, release), most)?,
        })
    }

    fn artifact(
        &self,
        plugin: &PluginName,
        release: &ReleaseId,
        file: &ArtifactPath,
    ) -> Result<Source, Refusal> {
        let below = below::artifact(plugin, release, file);
        let (bytes, size) = self.root.open(&below)?;
        Ok(Source {
            bytes: Box::new(bytes),
            size,
            from: self.root.path().join(below),
        })
    }

    fn acknowledge(&self, ack: &Ack) -> Result<(), Refusal> {
        let bytes = ack.to_bytes()?;
        self.acks(&ack.plugin)?;
        let path = self.layout.ack(&ack.plugin, &ack.instance);
        self.disk
            .replace(&path, &bytes, SHARED)
            .map_err(unreachable)
    }

    fn leave(&self, plugin: &PluginName, instance: &InstanceId) -> Result<(), Refusal> {
        let path = self.layout.ack(plugin, instance);
        self.disk.remove(&path).map_err(unreachable)
    }
}

/// Whether a path is a folder, and no link to one.
fn folder(path: &Path) -> Result<(), Refusal> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(metadata) => Err(Refusal::NotAFile {
            path: path.to_owned(),
            found: if metadata.is_symlink() {
                "a link"
            } else {
                "no folder"
            },
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Refusal::Missing {
            path: path.to_owned(),
        }),
        Err(error) => Err(unreachable(DiskError::new("lstat", path, error))),
    }
}

fn unreachable(error: DiskError) -> Refusal {
    Refusal::Unreachable {
        path: error.path,
        source: error.source,
    }
}
