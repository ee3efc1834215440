//! A repository with releases of the plugin in C.

use std::fs;
use std::path::PathBuf;

use polywire_contract::{Digest, Name, Status};
use polywire_plugin::format::{Ack, Index, Platform, ReleaseId, Served, Signed};
use polywire_plugin::publish::{Publisher, pack};
use polywire_plugin::trust::{Purpose, SigningKey};

use crate::libraries::compiled;
use crate::support;

/// A repository, and the files that releases write to.
pub(crate) struct World {
    repository: support::World,
}

/// A release to be made.
#[derive(Clone)]
pub(crate) struct Build {
    version: String,
    /// The contract versions that its manifest states.
    serves: Vec<(&'static str, String)>,
    defines: Vec<String>,
}

impl Build {
    /// One that serves a contract version, and answers with its own name.
    pub(crate) fn new(version: &str, serves: &str) -> Self {
        let build = Self {
            version: version.to_owned(),
            serves: vec![("greeter", serves.to_owned())],
            defines: Vec::new(),
        };
        build
            .text("RELEASE", version)
            .text("SEMVER", serves)
            .text("REPLY", version)
    }

    /// The same with a second contract version.
    pub(crate) fn and(mut self, serves: &str) -> Self {
        self.serves.push(("greeter", serves.to_owned()));
        self.text("SEMVER2", serves)
    }

    /// The same with a second contract.
    pub(crate) fn and_of(mut self, contract: &'static str, serves: &str) -> Self {
        self.serves.push((contract, serves.to_owned()));
        self.text("SEMVER2", serves).text("NAME2", contract)
    }

    pub(crate) fn with(mut self, define: &str) -> Self {
        self.defines.push(define.to_owned());
        self
    }

    /// The later of two texts of one name counts.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        let before = format!("{name}=");
        self.defines.retain(|define| !define.starts_with(&before));
        self.with(&format!("{name}=\"{value}\""))
    }
}

/// The digest that manifests state.
pub(crate) fn digest() -> Digest {
    let mut bytes = [0; 32];
    bytes[0] = 7;
    Digest::from_bytes(bytes)
}

impl World {
    pub(crate) fn new() -> Self {
        let mut repository = support::World::new();
        repository.plugin = "greeter".parse().unwrap();
        Self { repository }
    }

    /// A file or folder next to the repository.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.repository.folder.path().join(name)
    }

    /// The lines of a file that plugins write to.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The releases of which something was executed.
    pub(crate) fn started(&self) -> Vec<String> {
        self.lines("started")
    }

    pub(crate) fn publisher(&self) -> Publisher {
        self.repository.publisher()
    }

    pub(crate) fn repository(&self) -> &support::World {
        &self.repository
    }

    /// Compiles, packs and publishes a release.
    pub(crate) fn publish(&self, build: &Build) -> ReleaseId {
        self.publish_as(build, &build.version)
    }

    /// The same under another version than its library has.
    pub(crate) fn publish_as(&self, build: &Build, version: &str) -> ReleaseId {
        let path = |name| self.path(name).display().to_string();
        let build = build
            .clone()
            .text("STARTED", &path("started"))
            .text("SEEN", &path("seen"))
            .text("MARKS", &path("marks"))
            .text("HOLD", &path("hold"));
        let name = format!("build-{}", rand::random::<u64>());
        let defines: Vec<&str> = build.defines.iter().map(String::as_str).collect();
        let library = compiled(self.repository.folder.path(), &name, &defines);
        let folder = self.path(&format!("packed-{name}"));
        let mut description = self.repository.description(version, &library, &[]);
        description.contracts = build.serves.iter().map(served).collect();
        pack(&description, &folder).unwrap();
        self.publisher().publish(&folder).unwrap().release
    }

    /// Publishes and deploys a release. Answers it.
    pub(crate) fn release(&self, version: &str, serves: &str) -> ReleaseId {
        let release = self.publish(&Build::new(version, serves));
        self.deploy(&release);
        release
    }

    pub(crate) fn deploy(&self, release: &ReleaseId) -> u64 {
        self.repository.deploy(release)
    }

    /// The library of a release in the repository.
    pub(crate) fn artifact(&self, release: &ReleaseId) -> PathBuf {
        let folder = self.repository.release_folder(release);
        let folder = folder.join(Platform::here().as_str());
        let name = support::names(&folder).pop().unwrap();
        folder.join(name)
    }

    pub(crate) fn index_file(&self) -> PathBuf {
        self.repository.root().join("index/greeter.json")
    }

    /// Replaces the file of the index as a whole.
    pub(crate) fn place(&self, bytes: &[u8]) {
        let aside = self.path("aside");
        fs::write(&aside, bytes).unwrap();
        fs::rename(&aside, self.index_file()).unwrap();
    }

    /// Has the next index name a release for major 1, which nobody has checked, and signs it.
    pub(crate) fn force(&self, release: &ReleaseId, key: &SigningKey) {
        let file = fs::read(self.index_file()).unwrap();
        let signed = Signed::parse("the index", &file).unwrap();
        let mut index = Index::parse(signed.signed.as_bytes()).unwrap();
        index.seq += 1;
        index.majors.insert(1, release.clone());
        let signed = String::from_utf8(index.to_bytes().unwrap()).unwrap();
        let signature = key.sign(Purpose::Index, signed.as_bytes()).unwrap();
        let file = Signed { signed, signature };
        self.place(&file.to_bytes("the index").unwrap());
    }

    /// What an instance has acknowledged last; nothing before the first time.
    pub(crate) fn ack(&self, instance: &str) -> Option<Ack> {
        let acks = self.repository.root().join("acks/greeter");
        let bytes = fs::read(acks.join(format!("{instance}.json"))).ok()?;
        Some(Ack::parse(&bytes).unwrap())
    }

    /// Takes the repository away, or brings it back.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }
}

fn served((contract, version): &(&'static str, String)) -> Served {
    Served {
        name: Name::from_static(contract),
        version: version.parse().unwrap(),
        digest: digest(),
        status: Status::Current,
        interactions: None,
    }
}
