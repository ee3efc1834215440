//! Which library files are in this process, whichever loader brought them.

use std::fs::File;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::error::LoadError;

static RESIDENT: Mutex<Vec<Resident>> = Mutex::new(Vec::new());

struct Resident {
    place: Place,
    retired: bool,
    /// Open, so that the system gives its number to no other file while it is compared with.
    _file: File,
}

/// A file by its path and by its number: the system takes either for a library that it has already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Place {
    /// Opens a file and looks at it.
    pub(super) fn of(path: &Path) -> Result<(Self, File), LoadError> {
        let failed = |source| LoadError::File {
            path: path.to_path_buf(),
            source,
        };
        let path = path.canonicalize().map_err(failed)?;
        let file = File::open(&path).map_err(failed)?;
        let (device, inode) = numbers(&file.metadata().map_err(failed)?);
        let place = Self {
            path,
            device,
            inode,
        };
        Ok((place, file))
    }

    fn is(&self, other: &Self) -> bool {
        self.path == other.path || (self.device, self.inode) == (other.device, other.inode)
    }
}

#[cfg(unix)]
fn numbers(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Takes a place, if it is free and there are not too many.
pub(super) fn enter(place: &Place, file: File, most: usize) -> Result<(), LoadError> {
    let mut resident = RESIDENT.lock();
    if resident.iter().any(|other| other.place.is(place)) {
        let path = place.path.clone();
        return Err(LoadError::Loaded { path });
    }
    if resident.len() >= most {
        let retired = resident.iter().filter(|other| other.retired).count();
        return Err(LoadError::TooMany {
            resident: resident.len(),
            retired,
        });
    }
    resident.push(Resident {
        place: place.clone(),
        retired: false,
        _file: file,
    });
    Ok(())
}

/// Gives a place back: nothing of the file is in the process.
pub(super) fn leave(place: &Place) {
    RESIDENT.lock().retain(|other| other.place != *place);
}

/// Keeps a place for ever: the file stays in the process.
pub(super) fn retire(place: &Place) {
    for other in RESIDENT.lock().iter_mut() {
        if other.place == *place {
            other.retired = true;
        }
    }
}

/// How many libraries are there, and how many of them will stay.
pub(super) fn count() -> (usize, usize) {
    let resident = RESIDENT.lock();
    let retired = resident.iter().filter(|other| other.retired).count();
    (resident.len(), retired)
}
