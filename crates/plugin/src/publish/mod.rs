//! Publishing to a folder: releases that never change, and one index per plugin that is replaced as a whole.
//!
//! A release is written aside, made durable, and moved to its place by one rename. The index is the only file that changes, and
//! one rename changes it. Whatever is interrupted leaves what was there before, or what was to be; what was written aside is
//! swept by the next publisher. One publisher works at a time, held apart by a lock that ends with its process.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, Observer};
use crate::format::{PluginName, RepositoryFile, RepositoryId};
use crate::layout::{self, Layout};
use crate::root::Root;
use crate::trust::{SigningKey, TrustedKeys};

mod audit;
mod deploy;
mod describe;
mod error;
mod gc;
mod index;
mod lock;
mod pack;
mod release;
mod status;
mod wait;

pub use audit::{Audit, Problem};
pub use deploy::{Deploy, Revoked};
pub use describe::describe;
pub use error::PublishError;
pub use gc::{Collected, Keep};
pub use pack::{Pack, pack};
pub use release::Published;
pub use status::{AckStatus, PluginStatus, ReleaseStatus, Status};
pub use wait::{Patience, Rollout};

/// One who looks at a repository and changes nothing: it takes public keys alone.
#[derive(Debug)]
pub struct Inspector {
    layout: Layout,
    root: Root,
    keys: TrustedKeys,
    id: RepositoryId,
}

/// One who may change a repository. It can look at it too, as an [`Inspector`].
#[derive(Debug)]
pub struct Publisher {
    inspector: Inspector,
    disk: Disk,
    key: SigningKey,
}

impl Deref for Publisher {
    type Target = Inspector;

    fn deref(&self) -> &Inspector {
        &self.inspector
    }
}

const FOLDER: u32 = 0o755;

impl Publisher {
    /// Makes a folder a repository, or opens it when it is one.
    ///
    /// # Errors
    /// [`PublishError`] when it cannot be made, or is a repository of a newer format.
    pub fn create(folder: &Path, key: SigningKey) -> Result<Self, PublishError> {
        Self::create_watched(folder, key, None)
    }

    /// The same, with each system call told to an observer, then and later.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_watched(
        folder: &Path,
        key: SigningKey,
        observer: Option<Arc<Observer>>,
    ) -> Result<Self, PublishError> {
        let disk = observer.map_or_else(Disk::default, Disk::watched);
        let layout = Layout::new(folder);
        disk.folder(folder, FOLDER)?;
        let lock = lock::hold(&disk, &layout)?;
        for name in [
            layout::INDEX,
            layout::BEACONS,
            layout::RELEASES,
            layout::ACKS,
        ] {
            disk.folder(&folder.join(name), FOLDER)?;
        }
        if !layout.repository_file().exists() {
            let file = RepositoryFile::new(RepositoryId::random());
            disk.replace(
                &layout.repository_file(),
                &file.to_bytes(),
                crate::disk::SHARED,
            )?;
        }
        drop(lock);
        Self::with(folder, key, disk)
    }

    /// Opens a repository.
    ///
    /// # Errors
    /// [`PublishError::Refused`] when it is none.
    pub fn open(folder: &Path, key: SigningKey) -> Result<Self, PublishError> {
        Self::with(folder, key, Disk::default())
    }

    fn with(folder: &Path, key: SigningKey, disk: Disk) -> Result<Self, PublishError> {
        Ok(Self {
            inspector: Inspector::open(folder, key.trusted()?)?,
            disk,
            key,
        })
    }

    /// Trusts other keys too, as while one key takes over from another. Its own must be among them.
    ///
    /// # Errors
    /// [`PublishError::Untrusted`] when it is not.
    pub fn trusting(mut self, keys: TrustedKeys) -> Result<Self, PublishError> {
        if !keys.ids().any(|id| id == self.key.id()) {
            return Err(PublishError::Untrusted { key: self.key.id() });
        }
        self.inspector.keys = keys;
        Ok(self)
    }

    /// The same, with each system call told to an observer.
    #[must_use]
    pub fn watched(mut self, observer: Arc<Observer>) -> Self {
        self.disk = Disk::watched(observer);
        self
    }
}

impl Inspector {
    /// Looks at the repository in a folder.
    ///
    /// # Errors
    /// [`PublishError::Refused`] when it is none.
    pub fn open(folder: &Path, keys: TrustedKeys) -> Result<Self, PublishError> {
        let root = Root::new(folder);
        let file = root.read(
            Path::new(layout::REPOSITORY_FILE),
            RepositoryFile::MAX_BYTES,
        )?;
        Ok(Self {
            layout: Layout::new(folder),
            id: RepositoryFile::parse(&file)?.id,
            root,
            keys,
        })
    }

    /// Which repository it is.
    #[must_use]
    pub fn repository(&self) -> &RepositoryId {
        &self.id
    }

    /// The plugins that have releases or an index, in order.
    ///
    /// # Errors
    /// [`PublishError::Disk`].
    pub fn plugins(&self) -> Result<Vec<PluginName>, PublishError> {
        let released = crate::disk::list(&self.layout.root().join(layout::RELEASES))?;
        let indexed = crate::disk::list(&self.layout.root().join(layout::INDEX))?;
        let indexed = indexed.iter().filter_map(|name| name.strip_suffix(".json"));
        let names = released.iter().map(String::as_str).chain(indexed);
        let mut plugins: Vec<PluginName> = names.filter_map(|name| name.parse().ok()).collect();
        plugins.sort();
        plugins.dedup();
        Ok(plugins)
    }
}
