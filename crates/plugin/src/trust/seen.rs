use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polywire_contract::Digest;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::{KeyId, TrustedKeys};
use crate::disk::{Disk, DiskError, Locked, Observer, flags};
use crate::format::{PluginName, RepositoryId};
use crate::refusal::Refusal;

/// An index that was read and whose signature is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The repository that it says it belongs to.
    pub repository: RepositoryId,
    /// Its sequence number.
    pub seq: u64,
    /// The key that signed it.
    pub key: KeyId,
    /// The SHA-256 of the signed bytes.
    pub digest: Digest,
}

/// The newest index that each key has signed, kept in a folder of the consumer: a restart cannot be rolled back.
///
/// Several processes may share the folder.
#[derive(Clone, Debug)]
pub struct SeenStore {
    folder: PathBuf,
    disk: Disk,
}

/// What stands in `<plugin>.seen.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    repository: RepositoryId,
    /// The key of the index that was accepted last.
    last: KeyId,
    keys: BTreeMap<KeyId, Newest>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Newest {
    seq: u64,
    digest: Digest,
}

const MAX_BYTES: u64 = 64 << 10;
const PRIVATE: u32 = 0o600;

impl SeenStore {
    /// The store in a folder, which is made with its parents when it is not there.
    ///
    /// # Errors
    /// [`DiskError`] when it cannot be made.
    pub fn open(folder: &Path) -> Result<Self, DiskError> {
        Self::on(folder, Disk::default())
    }

    /// The same, with each system call told to an observer.
    ///
    /// # Errors
    /// [`DiskError`] when the folder cannot be made.
    pub fn watched(folder: &Path, observer: Arc<Observer>) -> Result<Self, DiskError> {
        Self::on(folder, Disk::watched(observer))
    }

    fn on(folder: &Path, disk: Disk) -> Result<Self, DiskError> {
        disk.step("mkdir", folder, || std::fs::create_dir_all(folder))?;
        Ok(Self {
            folder: folder.to_owned(),
            disk,
        })
    }

    /// Accepts an index unless one that was accepted before rules it out, and remembers it durably before it returns.
    ///
    /// It must not be older than the newest of its own key, and of equal age only when it is the same. One of another key than
    /// the last must be newer than the last, unless its key is the newer one: a key that leaked cannot hold its successor off by
    /// a high number, and what it signed once does not come back.
    ///
    /// # Errors
    /// [`Refusal::OtherRepository`], [`Refusal::Rewound`], [`Refusal::Equivocal`], and [`Refusal::Storage`] when the store cannot
    /// be read or written: then nothing can be accepted.
    pub fn accept(
        &self,
        plugin: &PluginName,
        keys: &TrustedKeys,
        found: &Sighting,
    ) -> Result<(), Refusal> {
        let path = self.folder.join(format!("{plugin}.seen.json"));
        let _lock = self.lock(plugin)?;
        let before = self.read(&path)?;
        if let Some(before) = &before {
            judge(before, keys, found)?;
            let newest = before.keys.get(&found.key);
            if before.last == found.key && newest.is_some_and(|newest| newest.seq == found.seq) {
                return Ok(());
            }
        }
        let mut seen = before.unwrap_or_else(|| Seen {
            repository: found.repository.clone(),
            last: found.key,
            keys: BTreeMap::new(),
        });
        // Keys that are not trusted any more need no memory: nothing of theirs is accepted.
        let last = seen.last;
        seen.keys
            .retain(|key, _| *key == last || keys.ids().any(|id| id == *key));
        let newest = Newest {
            seq: found.seq,
            digest: found.digest,
        };
        seen.keys.insert(found.key, newest);
        seen.last = found.key;
        let bytes = serde_json::to_vec_pretty(&seen)
            .map_err(|error| DiskError::new("write", &path, io::Error::other(error)))?;
        Ok(self.disk.replace(&path, &bytes, PRIVATE)?)
    }

    fn lock(&self, plugin: &PluginName) -> Result<Locked, DiskError> {
        let path = self.folder.join(format!("{plugin}.seen.lock"));
        let file = self.disk.create(&path, PRIVATE)?;
        self.disk.step("flock", &path, || file.lock())?;
        Ok(Locked(file))
    }

    fn read(&self, path: &Path) -> Result<Option<Seen>, Refusal> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::CLOEXEC));
        let mut bytes = Vec::new();
        let read = options
            .open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DiskError::new("read", path, error).into()),
            Ok(_) => {}
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let why = format!(
                "what was seen before is not valid ({error}): remove the file only when you know that the repository is the right one"
            );
            DiskError::new("read", path, io::Error::other(why)).into()
        })
    }
}

fn judge(before: &Seen, keys: &TrustedKeys, found: &Sighting) -> Result<(), Refusal> {
    if before.repository != found.repository {
        return Err(Refusal::OtherRepository {
            found: found.repository.clone(),
            wanted: before.repository.clone(),
        });
    }
    let rewound = |newest: &Newest, by: KeyId| Refusal::Rewound {
        found: found.seq,
        seen: newest.seq,
        key: by,
    };
    if let Some(newest) = before.keys.get(&found.key) {
        if found.seq < newest.seq {
            return Err(rewound(newest, found.key));
        }
        if found.seq == newest.seq && found.digest != newest.digest {
            return Err(Refusal::Equivocal { seq: found.seq });
        }
    }
    if before.last != found.key
        && !keys.precedes(found.key, before.last)
        && let Some(last) = before.keys.get(&before.last)
        && found.seq <= last.seq
    {
        return Err(rewound(last, before.last));
    }
    Ok(())
}
