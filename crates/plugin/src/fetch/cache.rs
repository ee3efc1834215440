use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Fetcher;
use super::artifact::{check, same, sized};
use crate::copy::copy;
use crate::disk::{Disk, DiskError, Locked, Observer, list};
use crate::format::{Artifact, PluginName, ReleaseId};
use crate::refusal::Refusal;
use crate::root::Root;

/// A private folder of artifacts, each named by the SHA-256 of its bytes: the one place that libraries are loaded from.
///
/// What was once loaded from a path is never replaced by other bytes under that path. Several processes of one user may share it.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    root: Root,
    disk: Disk,
}

const PART: &str = ".part";

impl Cache {
    /// The cache in a folder, which is made with its parents when it is not there. What copies that were interrupted have left is
    /// removed.
    ///
    /// # Errors
    /// [`Refusal::Storage`] when it cannot be made, belongs to another user, or others may write to it.
    pub fn open(folder: &Path) -> Result<Self, Refusal> {
        Self::on(folder, Disk::default())
    }

    /// The same, with each system call that writes told to an observer.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn watched(folder: &Path, observer: Arc<Observer>) -> Result<Self, Refusal> {
        Self::on(folder, Disk::watched(observer))
    }

    fn on(folder: &Path, disk: Disk) -> Result<Self, Refusal> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        disk.step("mkdir", folder, || builder.create(folder))?;
        private("cache", folder)?;
        let cache = Self {
            folder: folder.to_owned(),
            root: Root::new(folder),
            disk,
        };
        cache.sweep()?;
        Ok(cache)
    }

    /// The path of an artifact, which is copied unless it is there. Its bytes are those that the manifest names, in either case.
    ///
    /// # Errors
    /// [`Refusal::Size`] before anything is read; [`Refusal::Changed`] and [`Refusal::Digest`] when the bytes are others;
    /// [`Refusal::Storage`] when the cache cannot be written; and those of [`Fetcher::artifact`].
    pub fn take(
        &self,
        fetcher: &dyn Fetcher,
        plugin: &PluginName,
        release: &ReleaseId,
        artifact: &Artifact,
    ) -> Result<PathBuf, Refusal> {
        let digest = artifact.digest.to_string();
        let digits = digest.strip_prefix("sha256:").unwrap_or(&digest);
        let name = format!("{digits}.so");
        let path = self.folder.join(&name);
        match check(&self.root, Path::new(&name), artifact) {
            Ok(()) => return Ok(path),
            Err(Refusal::Missing { .. }) => {}
            // A disk that loses bytes, or one who may write here and did: neither is loaded.
            Err(_) => self.disk.remove(&path)?,
        }
        let source = fetcher.artifact(plugin, release, &artifact.file)?;
        let from = source.from.clone();
        sized(&from, source.size, artifact)?;
        let part = self
            .folder
            .join(format!(".{digits}-{:016x}{PART}", rand::random::<u64>()));
        let copied = self.fill(&part, source.bytes, &from, artifact);
        if copied.is_err() {
            // What is left is swept by the next start.
            let _ = self.disk.remove(&part);
        }
        copied?;
        self.disk.rename(&part, &path)?;
        self.disk.sync_folder(&self.folder)?;
        Ok(path)
    }

    fn fill(
        &self,
        part: &Path,
        bytes: impl io::Read,
        from: &Path,
        artifact: &Artifact,
    ) -> Result<(), Refusal> {
        let file = self.disk.create(part, 0o500)?;
        self.disk.step("flock", part, || file.lock())?;
        let file = Locked(file);
        let changed = || Refusal::Changed {
            path: from.to_owned(),
        };
        let copied = copy(&self.disk, (bytes, from), (&file.0, part), artifact.size);
        let copied = copied.map_err(|refusal| match refusal {
            Refusal::Size { .. } => changed(),
            other => other,
        })?;
        if copied.size != artifact.size {
            return Err(changed());
        }
        same(from, copied.digest, artifact)
    }

    /// Removes what copies have left that nobody makes any more.
    fn sweep(&self) -> Result<(), Refusal> {
        for name in list(&self.folder)? {
            if !name.starts_with('.') || !name.ends_with(PART) {
                continue;
            }
            let path = self.folder.join(name);
            let Ok(file) = File::open(&path) else {
                continue;
            };
            match file.try_lock() {
                Ok(()) => {
                    let _locked = Locked(file);
                    self.disk.remove(&path)?;
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(DiskError::new("flock", &path, error).into());
                }
            }
        }
        Ok(())
    }
}

/// Whether nobody else may put anything into a folder.
pub(crate) fn private(what: &str, folder: &Path) -> Result<(), DiskError> {
    let failed = |error| DiskError::new("stat", folder, error);
    let metadata = fs::metadata(folder).map_err(failed)?;
    let (owner, own) = (metadata.uid(), rustix::process::geteuid().as_raw());
    let mode = metadata.permissions().mode() & 0o777;
    let why = if owner != own {
        format!(
            "the {what} belongs to user {owner}, and this process is user {own}: name a folder of its own"
        )
    } else if mode & 0o022 != 0 {
        format!("the {what} has mode {mode:o}, so that others may write to it: make it 700")
    } else {
        return Ok(());
    };
    Err(failed(io::Error::new(io::ErrorKind::PermissionDenied, why)))
}
