//! Where things stand in a repository.

use std::path::{Path, PathBuf};

use crate::format::{ArtifactPath, InstanceId, PluginName, ReleaseId};

/// The folders of a repository, each name in it checked by its type.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

pub(crate) const REPOSITORY_FILE: &str = "repo.toml";
pub(crate) const INDEX: &str = "index";
pub(crate) const BEACONS: &str = "beacons";
pub(crate) const RELEASES: &str = "releases";
pub(crate) const ACKS: &str = "acks";
pub(crate) const STAGING: &str = ".staging";
pub(crate) const MANIFEST: &str = "manifest.toml";
pub(crate) const SIGNATURE: &str = "manifest.toml.minisig";

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn repository_file(&self) -> PathBuf {
        self.root.join(REPOSITORY_FILE)
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join(".lock")
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.root.join(STAGING)
    }

    pub(crate) fn index(&self, plugin: &PluginName) -> PathBuf {
        self.root.join(below::index(plugin))
    }

    pub(crate) fn beacon(&self, plugin: &PluginName) -> PathBuf {
        self.root.join(below::beacon(plugin))
    }

    pub(crate) fn releases(&self, plugin: &PluginName) -> PathBuf {
        self.root.join(RELEASES).join(plugin.as_str())
    }

    pub(crate) fn release(&self, plugin: &PluginName, release: &ReleaseId) -> PathBuf {
        self.root.join(below::release(plugin, release))
    }

    pub(crate) fn acks(&self, plugin: &PluginName) -> PathBuf {
        self.root.join(below::acks(plugin))
    }

    pub(crate) fn ack(&self, plugin: &PluginName, instance: &InstanceId) -> PathBuf {
        self.root.join(below::ack(plugin, instance))
    }
}

/// The same, below the root.
pub(crate) mod below {
    use super::{
        ACKS, ArtifactPath, BEACONS, INDEX, InstanceId, MANIFEST, Path, PathBuf, PluginName,
        RELEASES, ReleaseId, SIGNATURE,
    };

    pub(crate) fn index(plugin: &PluginName) -> PathBuf {
        Path::new(INDEX).join(format!("{plugin}.json"))
    }

    pub(crate) fn beacon(plugin: &PluginName) -> PathBuf {
        Path::new(BEACONS).join(format!("{plugin}.json"))
    }

    pub(crate) fn release(plugin: &PluginName, release: &ReleaseId) -> PathBuf {
        Path::new(RELEASES)
            .join(plugin.as_str())
            .join(release.to_string())
    }

    pub(crate) fn manifest(plugin: &PluginName, id: &ReleaseId) -> PathBuf {
        release(plugin, id).join(MANIFEST)
    }

    pub(crate) fn signature(plugin: &PluginName, id: &ReleaseId) -> PathBuf {
        release(plugin, id).join(SIGNATURE)
    }

    pub(crate) fn artifact(plugin: &PluginName, id: &ReleaseId, file: &ArtifactPath) -> PathBuf {
        file.below(&release(plugin, id))
    }

    pub(crate) fn acks(plugin: &PluginName) -> PathBuf {
        Path::new(ACKS).join(plugin.as_str())
    }

    pub(crate) fn ack(plugin: &PluginName, instance: &InstanceId) -> PathBuf {
        acks(plugin).join(format!("{instance}.json"))
    }
}
