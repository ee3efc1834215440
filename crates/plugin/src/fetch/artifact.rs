use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use polywire_contract::Digest;
use sha2::{Digest as _, Sha256};

use crate::format::Artifact;
use crate::refusal::Refusal;
use crate::root::Root;

/// Whether a file below a root is the artifact of a manifest.
pub(crate) fn check(root: &Root, below: &Path, artifact: &Artifact) -> Result<(), Refusal> {
    let path = root.path().join(below);
    let (file, size) = root.open(below)?;
    sized(&path, size, artifact)?;
    let found = hash(file, artifact.size).map_err(|source| Refusal::Unreachable {
        path: path.clone(),
        source: Arc::new(source),
    })?;
    same(&path, found, artifact)
}

/// Whether a file has the size of an artifact, before anything of it is read.
pub(super) fn sized(path: &Path, found: u64, artifact: &Artifact) -> Result<(), Refusal> {
    if found == artifact.size {
        return Ok(());
    }
    Err(Refusal::Size {
        path: path.to_owned(),
        found,
        expected: format!("{} by the manifest", artifact.size),
    })
}

/// Whether bytes are those of an artifact.
pub(super) fn same(path: &Path, found: Digest, artifact: &Artifact) -> Result<(), Refusal> {
    if found == artifact.digest {
        return Ok(());
    }
    Err(Refusal::Digest {
        path: path.to_owned(),
        found: found.to_string(),
        expected: artifact.digest.to_string(),
    })
}

/// The SHA-256 of at most one byte more than expected, so that one that has grown is not the same.
fn hash(file: impl Read, most: u64) -> std::io::Result<Digest> {
    let mut file = file.take(most.saturating_add(1));
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 256 << 10]);
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            Some(bytes) if !bytes.is_empty() => hash.update(bytes),
            _ => return Ok(Digest::from_bytes(hash.finalize().into())),
        }
    }
}
