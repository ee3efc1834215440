use std::fs::TryLockError;
use std::io;

use super::PublishError;
use crate::disk::{Disk, Locked, SHARED, list};
use crate::layout::Layout;

/// Keeps other publishers out for as long as it lives, and sweeps what a publisher that was interrupted had written aside.
pub(super) fn hold(disk: &Disk, layout: &Layout) -> Result<Locked, PublishError> {
    let path = layout.lock();
    let file = disk.create(&path, SHARED)?;
    let mut busy = false;
    disk.step("flock", &path, || match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            busy = true;
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(TryLockError::Error(error)) => Err(error),
    })
    .map_err(|error| {
        if busy {
            PublishError::Busy {
                repository: layout.root().to_owned(),
            }
        } else {
            error.into()
        }
    })?;
    let lock = Locked(file);
    let staging = layout.staging();
    disk.folder(&staging, super::FOLDER)?;
    for name in list(&staging)? {
        disk.remove(&staging.join(name))?;
    }
    Ok(lock)
}
