//! Copying and hashing in one go.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use polywire_contract::Digest;
use sha2::{Digest as _, Sha256};

use crate::disk::Disk;
use crate::refusal::Refusal;

/// What was copied.
pub(crate) struct Copied {
    pub(crate) size: u64,
    pub(crate) digest: Digest,
}

/// Copies bytes into a new file, durably, and hashes them on the way, so that what was hashed is what was written. It ends at
/// the first byte beyond the bound.
pub(crate) fn copy(
    disk: &Disk,
    (mut source, from): (impl Read, &Path),
    (mut target, to): (&File, &Path),
    most: u64,
) -> Result<Copied, Refusal> {
    const CHUNK: usize = 256 << 10;
    let (mut size, mut hash) = (0_u64, Sha256::new());
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = source
            .read(&mut buffer)
            .map_err(|error| Refusal::Unreachable {
                path: from.to_owned(),
                source: Arc::new(error),
            })?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        size = size.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if size > most {
            return Err(Refusal::Size {
                path: from.to_owned(),
                found: size,
                expected: format!("at most {most}"),
            });
        }
        hash.update(bytes);
        disk.step("write", to, || target.write_all(bytes))?;
    }
    disk.sync(target, to)?;
    Ok(Copied {
        size,
        digest: Digest::from_bytes(hash.finalize().into()),
    })
}
