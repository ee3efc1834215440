//! Opening files below a folder that somebody else writes: no link is followed, nothing but a file is opened, nothing is read
//! beyond its bound.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use crate::refusal::Refusal;

/// The root of a repository. It is opened afresh each time, since it may be replaced by another.
#[derive(Clone, Debug)]
pub(crate) struct Root(PathBuf);

impl Root {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Opens a file below the root, and says how many bytes it has.
    ///
    /// Each folder on the way is opened in the one before it, so that a link put in between is noticed and not followed.
    pub(crate) fn open(&self, below: &Path) -> Result<(File, u64), Refusal> {
        let unreachable = |path: &Path, source: io::Error| Refusal::Unreachable {
            path: path.to_owned(),
            source: Arc::new(source),
        };
        // Without blocking: opening a pipe would wait for its other end.
        let base = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mut path = self.0.clone();
        let mut at = openat(CWD, &path, base | OFlags::DIRECTORY, Mode::empty())
            .map_err(|errno| unreachable(&path, errno.into()))?;
        let mut parts = below.components().peekable();
        while let Some(part) = parts.next() {
            let Component::Normal(name) = part else {
                return Err(unreachable(below, io::ErrorKind::InvalidFilename.into()));
            };
            path.push(name);
            let mut flags = base | OFlags::NOFOLLOW;
            if parts.peek().is_some() {
                flags |= OFlags::DIRECTORY;
            }
            at = openat(&at, name, flags, Mode::empty()).map_err(|errno| match errno {
                Errno::NOENT => Refusal::Missing { path: path.clone() },
                Errno::LOOP | Errno::NOTDIR | Errno::NXIO => not_a_file(&path),
                errno => unreachable(&path, errno.into()),
            })?;
        }
        let file = File::from(at);
        let metadata = file.metadata().map_err(|error| unreachable(&path, error))?;
        if metadata.is_file() {
            Ok((file, metadata.len()))
        } else {
            Err(not_a_file(&path))
        }
    }

    /// Reads a file as a whole. One that is too large is not read.
    pub(crate) fn read(&self, below: &Path, most: u64) -> Result<Vec<u8>, Refusal> {
        let (file, size) = self.open(below)?;
        let path = self.0.join(below);
        let too_large = |found| Refusal::Size {
            path: path.clone(),
            found,
            expected: format!("at most {most}"),
        };
        if size > most {
            return Err(too_large(size));
        }
        let mut bytes = Vec::new();
        file.take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| Refusal::Unreachable {
                path: path.clone(),
                source: Arc::new(source),
            })?;
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if found > most {
            return Err(too_large(found));
        }
        Ok(bytes)
    }
}

fn not_a_file(path: &Path) -> Refusal {
    let found = match fs::symlink_metadata(path).map(|metadata| metadata.file_type()) {
        Ok(kind) if kind.is_symlink() => "a link",
        Ok(kind) if kind.is_dir() => "a folder",
        Ok(kind) if kind.is_file() => "a file",
        _ => "a device or pipe",
    };
    Refusal::NotAFile {
        path: path.to_owned(),
        found,
    }
}
