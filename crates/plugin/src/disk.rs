//! Every system call that changes a disk, one at a time: what was done survives a crash, and each step can be watched.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

/// A system call that is about to be made.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The call, such as `rename`.
    pub call: &'static str,
    /// What it is made on.
    pub path: &'a Path,
}

/// Is told each step before it is taken: to show progress, or to stop by answering with an error, as if the call had failed.
pub type Observer = dyn Fn(&Step<'_>) -> io::Result<()> + Send + Sync;

/// A system call that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{call} {path:?}: {source}")]
pub struct DiskError {
    /// The call, such as `rename`.
    pub call: &'static str,
    /// What it was made on.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: Arc<io::Error>,
}

impl DiskError {
    pub(crate) fn new(call: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            call,
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }
}

/// The disk, watched by an observer where there is one.
#[derive(Clone, Default)]
pub(crate) struct Disk(Option<Arc<Observer>>);

/// Files that are written once: nobody has a reason to change them.
pub(crate) const FROZEN: u32 = 0o444;
/// Files that are replaced as a whole.
pub(crate) const SHARED: u32 = 0o644;

impl Disk {
    pub(crate) fn watched(observer: Arc<Observer>) -> Self {
        Self(Some(observer))
    }

    /// One call: announced, made, and its failure named.
    pub(crate) fn step<T>(
        &self,
        call: &'static str,
        path: &Path,
        make: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, DiskError> {
        let announced = match &self.0 {
            Some(observer) => observer(&Step { call, path }),
            None => Ok(()),
        };
        announced
            .and_then(|()| make())
            .map_err(|source| DiskError::new(call, path, source))
    }

    /// Makes a folder unless it is there, and its entry in its parent durable.
    pub(crate) fn folder(&self, path: &Path, mode: u32) -> Result<(), DiskError> {
        if path.is_dir() {
            return Ok(());
        }
        let mut builder = DirBuilder::new();
        builder.mode(mode);
        let made = self.step("mkdir", path, || builder.create(path));
        match made {
            Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            other => other?,
        }
        self.sync_parent(path)
    }

    /// Creates or empties a file, never through a link.
    pub(crate) fn create(&self, path: &Path, mode: u32) -> Result<File, DiskError> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        options.custom_flags(flags(OFlags::NOFOLLOW | OFlags::CLOEXEC));
        self.step("open", path, || options.open(path))
    }

    /// A durable file of these bytes. Its entry in its folder is not durable yet.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
        let mut file = self.create(path, mode)?;
        self.step("write", path, || file.write_all(bytes))?;
        self.sync(&file, path)
    }

    /// Replaces a file as a whole, so that readers see the old bytes or the new ones; durable when it returns.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".tmp");
        let draft = PathBuf::from(draft);
        self.write(&draft, bytes, mode)?;
        self.rename(&draft, path)?;
        self.sync_parent(path)
    }

    pub(crate) fn sync(&self, file: &File, path: &Path) -> Result<(), DiskError> {
        self.step("fsync", path, || file.sync_all())
    }

    pub(crate) fn sync_folder(&self, path: &Path) -> Result<(), DiskError> {
        self.step("fsync", path, || File::open(path)?.sync_all())
    }

    pub(crate) fn sync_parent(&self, path: &Path) -> Result<(), DiskError> {
        match path.parent() {
            // That of a single name is the folder in which the process runs.
            Some(parent) if parent.as_os_str().is_empty() => self.sync_folder(Path::new(".")),
            Some(parent) => self.sync_folder(parent),
            None => Ok(()),
        }
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.step("rename", to, || fs::rename(from, to))
    }

    /// Removes a file, or a folder with everything in it; links are removed and not followed. It may be gone already.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), DiskError> {
        let kind = match self.step("lstat", path, || fs::symlink_metadata(path)) {
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?.file_type(),
        };
        if !kind.is_dir() {
            return self.step("unlink", path, || fs::remove_file(path));
        }
        for entry in list(path)? {
            self.remove(&path.join(entry))?;
        }
        self.step("rmdir", path, || fs::remove_dir(path))
    }
}

/// A file that keeps others out while it lives.
///
/// It is unlocked by name and not by closing it: a child process that is just being started holds every file for a moment.
#[derive(Debug)]
pub(crate) struct Locked(pub(crate) File);

impl Drop for Locked {
    fn drop(&mut self) {
        // What cannot be unlocked is unlocked by the end of the process.
        let _ = self.0.unlock();
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Disk").field(&self.0.is_some()).finish()
    }
}

/// The most entries of one folder that are looked at.
pub(crate) const MAX_ENTRIES: usize = 100_000;

/// The names in a folder, in order; those that are no text are left out, since nothing here writes such names. Empty when the
/// folder is not there.
pub(crate) fn list(path: &Path) -> Result<Vec<String>, DiskError> {
    let failed = |source| DiskError::new("readdir", path, source);
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok());
        if names.len() > MAX_ENTRIES {
            let many = format!("more than {MAX_ENTRIES} entries");
            return Err(failed(io::Error::other(many)));
        }
    }
    names.sort();
    Ok(names)
}

pub(crate) fn flags(flags: OFlags) -> i32 {
    // The bits are those of the C type `int`; none is the sign.
    i32::try_from(flags.bits()).unwrap_or(0)
}
