//! A repository in a temporary folder, with a key to publish to it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod kill;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polywire_contract::{Digest, Name, Status};
use polywire_plugin::fetch::{Cache, Fetcher, FolderFetcher, Reader, ReaderConfig};
use polywire_plugin::format::{Abi, Platform, PluginName, ReleaseId, Served};
use polywire_plugin::publish::{Deploy, Pack, Publisher, pack};
use polywire_plugin::trust::{SeenStore, SigningKey, TrustedKeys};
use polywire_plugin::{Observer, Refusal};
use tempfile::TempDir;

pub struct World {
    pub folder: TempDir,
    pub secret: String,
    pub plugin: PluginName,
}

impl World {
    pub fn new() -> Self {
        let world = Self {
            folder: TempDir::new().unwrap(),
            secret: SigningKey::generate(None).unwrap().secret,
            plugin: "orders".parse().unwrap(),
        };
        fs::write(world.folder.path().join("key"), &world.secret).unwrap();
        Publisher::create(&world.root(), world.key()).unwrap();
        world
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub fn key(&self) -> SigningKey {
        SigningKey::open(&self.secret, None).unwrap()
    }

    pub fn trusted(&self) -> TrustedKeys {
        self.key().trusted().unwrap()
    }

    pub fn publisher(&self) -> Publisher {
        Publisher::open(&self.root(), self.key()).unwrap()
    }

    /// A packed release of these bytes, which serves `orders` in the versions given.
    pub fn packed(&self, version: &str, bytes: &[u8], serves: &[&str]) -> PathBuf {
        let folder = self
            .folder
            .path()
            .join(format!("packed-{}", rand::random::<u64>()));
        let library = self.folder.path().join("liborders.so");
        fs::write(&library, bytes).unwrap();
        pack(&self.description(version, &library, serves), &folder).unwrap();
        folder
    }

    pub fn description(&self, version: &str, library: &Path, serves: &[&str]) -> Pack {
        Pack {
            plugin: self.plugin.clone(),
            version: version.parse().unwrap(),
            abi: Abi { major: 1, minor: 0 },
            libraries: vec![(Platform::here(), library.to_owned())],
            contracts: serves.iter().map(|version| served(version)).collect(),
        }
    }

    pub fn publish(&self, version: &str, bytes: &[u8], serves: &[&str]) -> ReleaseId {
        let packed = self.packed(version, bytes, serves);
        self.publisher().publish(&packed).unwrap().release
    }

    pub fn deploy(&self, release: &ReleaseId) -> u64 {
        self.publisher()
            .deploy(&self.plugin, &deploy(release))
            .unwrap()
            .seq
    }

    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// A consumer as after a restart.
    pub fn reader(&self) -> Reader {
        Reader::new(self.reading(None))
    }

    pub fn reading(&self, observer: Option<Arc<Observer>>) -> ReaderConfig {
        reading(self.folder.path(), self.trusted(), observer)
    }

    pub fn release_folder(&self, release: &ReleaseId) -> PathBuf {
        self.root()
            .join("releases")
            .join(self.plugin.as_str())
            .join(release.to_string())
    }

    pub fn artifact(&self, release: &ReleaseId) -> PathBuf {
        self.release_folder(release)
            .join(Platform::here().as_str())
            .join("liborders.so")
    }
}

/// A consumer of the repository in a folder, which keeps what it has next to it.
pub fn reading(folder: &Path, keys: TrustedKeys, observer: Option<Arc<Observer>>) -> ReaderConfig {
    let observer = observer.unwrap_or_else(|| Arc::new(|_| Ok(())));
    let fetcher: Arc<dyn Fetcher> = Arc::new(FolderFetcher::watched(
        &folder.join("repository"),
        Arc::clone(&observer),
    ));
    ReaderConfig {
        fetcher,
        keys,
        seen: SeenStore::watched(&folder.join("seen"), Arc::clone(&observer)).unwrap(),
        cache: Cache::watched(&folder.join("cache"), observer).unwrap(),
        repository: None,
        platform: Platform::here(),
        abi: vec![1],
    }
}

pub fn deploy(release: &ReleaseId) -> Deploy {
    Deploy {
        release: release.clone(),
        majors: [].into(),
        expected_seq: None,
    }
}

pub fn served(version: &str) -> Served {
    Served {
        name: Name::from_static("orders"),
        version: version.parse().unwrap(),
        digest: Digest::of(version.as_bytes()),
        status: Status::Current,
        interactions: None,
    }
}

/// The names in a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A repository with one release that is deployed.
pub fn one() -> (World, ReleaseId) {
    let world = World::new();
    let release = world.publish("1.4.0", b"a library", &["1.4.0"]);
    world.deploy(&release);
    (world, release)
}

/// Everything up to the library.
pub fn library(reader: &Reader, plugin: &PluginName) -> Result<Vec<u8>, Refusal> {
    let index = reader.index(plugin)?;
    let manifest = reader.manifest(&index, reader.named(&index, 1)?)?;
    Ok(fs::read(reader.cached(&manifest)?).unwrap())
}

/// The reason for which a consumer that has just started takes nothing.
pub fn refused(world: &World) -> Refusal {
    library(&world.reader(), &world.plugin).unwrap_err()
}

pub fn overwrite(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
}
