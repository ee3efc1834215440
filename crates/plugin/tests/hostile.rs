//! Every hostile release and every hostile repository is refused with its reason.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use polywire_plugin::Refusal;
use polywire_plugin::fetch::{Fetcher, FolderFetcher, ManifestFiles, Reader, Source};
use polywire_plugin::format::{
    Ack, ArtifactPath, InstanceId, PluginName, ReleaseId, RepositoryId, Signed,
};
use polywire_plugin::publish::Publisher;
use polywire_plugin::trust::{Purpose, SigningKey};
use support::{deploy, library, names, one, overwrite, refused};

#[test]
fn truncated_overwritten_and_grown_libraries_are_refused() {
    let (world, release) = one();
    overwrite(&world.artifact(&release), b"a lib");
    let refusal = refused(&world);
    assert!(
        matches!(&refusal, Refusal::Size { found: 5, .. }),
        "{refusal}"
    );
    assert!(
        refusal
            .to_string()
            .ends_with("has 5 bytes: expected 9 by the manifest"),
        "{refusal}"
    );
    overwrite(&world.artifact(&release), b"a librarX");
    assert_eq!(refused(&world).code(), "digest");
    overwrite(&world.artifact(&release), b"a library and more");
    assert_eq!(refused(&world).code(), "size");
    let file = fs::File::options()
        .write(true)
        .open(world.artifact(&release))
        .unwrap();
    file.set_len(2 << 30).unwrap();
    let refusal = refused(&world);
    assert!(
        matches!(
            refusal,
            Refusal::Size {
                found: 2_147_483_648,
                ..
            }
        ),
        "{refusal}"
    );
    fs::remove_file(world.artifact(&release)).unwrap();
    assert_eq!(refused(&world).code(), "missing");
    assert_eq!(names(&world.cache()), [""; 0], "nothing of it stays");
}

#[test]
fn links_pipes_and_folders_in_place_of_files_are_refused() {
    let (world, release) = one();
    let library = world.artifact(&release);
    let elsewhere = world.folder.path().join("elsewhere.so");
    fs::rename(&library, &elsewhere).unwrap();
    symlink(&elsewhere, &library).unwrap();
    let refusal = refused(&world);
    assert!(
        matches!(
            refusal,
            Refusal::NotAFile {
                found: "a link",
                ..
            }
        ),
        "{refusal}"
    );
    fs::remove_file(&library).unwrap();
    fs::create_dir(&library).unwrap();
    let refusal = refused(&world);
    assert!(
        matches!(
            refusal,
            Refusal::NotAFile {
                found: "a folder",
                ..
            }
        ),
        "{refusal}"
    );
    fs::remove_dir(&library).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &library,
        rustix::fs::FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
    let refusal = refused(&world);
    assert!(
        matches!(
            refusal,
            Refusal::NotAFile {
                found: "a device or pipe",
                ..
            }
        ),
        "{refusal}"
    );
    // A link to a folder on the way is no better.
    let folder = library.parent().unwrap();
    let moved = world.folder.path().join("moved");
    fs::rename(folder, &moved).unwrap();
    symlink(&moved, folder).unwrap();
    assert_eq!(refused(&world).code(), "not-a-file");
    let index = world.root().join("index");
    fs::rename(&index, world.folder.path().join("index")).unwrap();
    symlink(world.folder.path().join("index"), &index).unwrap();
    assert_eq!(refused(&world).code(), "not-a-file");
}

#[test]
fn what_is_unsigned_or_signed_by_another_key_is_refused() {
    let (world, release) = one();
    let index = world.root().join("index/orders.json");
    let good = fs::read(&index).unwrap();
    let signed = Signed::parse("the index", &good).unwrap();
    for (signature, says) in [
        ("", "it is not a minisign signature of four lines"),
        (
            signed.signature.lines().next().unwrap(),
            "it is not a minisign signature of four lines",
        ),
    ] {
        let signature = signature.to_owned();
        let unsigned = Signed {
            signature,
            ..signed.clone()
        };
        overwrite(&index, &unsigned.to_bytes("the index").unwrap());
        let refusal = refused(&world);
        assert_eq!(
            refusal.to_string(),
            format!("the signature of the index is refused: {says}")
        );
    }
    let forged = Signed {
        signed: signed.signed.replace("1.4.0", "1.4.1"),
        ..signed.clone()
    };
    overwrite(&index, &forged.to_bytes("the index").unwrap());
    assert!(
        refused(&world)
            .to_string()
            .contains("is not over these bytes")
    );
    let stranger = SigningKey::open(&SigningKey::generate(None).unwrap().secret, None).unwrap();
    let signature = stranger
        .sign(Purpose::Index, signed.signed.as_bytes())
        .unwrap();
    let foreign = Signed {
        signature,
        ..signed.clone()
    };
    overwrite(&index, &foreign.to_bytes("the index").unwrap());
    assert!(
        refused(&world)
            .to_string()
            .contains(&format!("it was signed by key {}", stranger.id()))
    );
    let signature = world
        .key()
        .sign(Purpose::Beacon, signed.signed.as_bytes())
        .unwrap();
    let other = Signed {
        signature,
        ..signed
    };
    overwrite(&index, &other.to_bytes("the index").unwrap());
    assert!(
        refused(&world)
            .to_string()
            .contains("polywire plugin beacon")
    );
    overwrite(&index, &good);
    assert!(library(&world.reader(), &world.plugin).is_ok());

    let folder = world.release_folder(&release);
    let manifest = fs::read(folder.join("manifest.toml")).unwrap();
    overwrite(
        &folder.join("manifest.toml"),
        &[&manifest[..], b"# \n"].concat(),
    );
    assert!(
        refused(&world)
            .to_string()
            .starts_with("the signature of the manifest is refused: the signature by key")
    );
    overwrite(&folder.join("manifest.toml"), &manifest);
    fs::remove_file(folder.join("manifest.toml.minisig")).unwrap();
    assert_eq!(refused(&world).code(), "missing");
}

#[test]
fn another_release_another_plugin_or_another_repository_in_its_place_is_refused() {
    let (world, release) = one();
    let other = world.publish("1.5.0", b"another", &["1.5.0"]);
    fs::rename(
        world.release_folder(&release),
        world.folder.path().join("aside"),
    )
    .unwrap();
    fs::rename(world.release_folder(&other), world.release_folder(&release)).unwrap();
    let refusal = refused(&world);
    let says = format!("the manifest is about {other}, and {release} is expected");
    assert_eq!(
        refusal.to_string(),
        says,
        "well signed, and not what was deployed"
    );

    let (world, _) = one();
    let index = world.root().join("index");
    fs::copy(index.join("orders.json"), index.join("borders.json")).unwrap();
    let refusal = world
        .reader()
        .index(&"borders".parse().unwrap())
        .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the index is about orders, and borders is expected"
    );

    let mut pinned = world.reading(None);
    pinned.repository = Some(RepositoryId::random());
    assert_eq!(
        Reader::new(pinned).index(&world.plugin).unwrap_err().code(),
        "other-repository"
    );
    world.reader().index(&world.plugin).unwrap();
    let key = world.key();
    fs::rename(world.root(), world.folder.path().join("before")).unwrap();
    let publisher = Publisher::create(&world.root(), key).unwrap();
    let release = publisher
        .publish(&world.packed("1.4.0", b"x", &["1.4.0"]))
        .unwrap()
        .release;
    publisher.deploy(&world.plugin, &deploy(&release)).unwrap();
    assert_eq!(
        refused(&world).code(),
        "other-repository",
        "another one was seen before"
    );
}

#[test]
fn files_that_are_too_large_are_not_read() {
    let (world, release) = one();
    for path in [
        world.root().join("index/orders.json"),
        world.release_folder(&release).join("manifest.toml"),
        world.release_folder(&release).join("manifest.toml.minisig"),
    ] {
        let good = fs::read(&path).unwrap();
        overwrite(&path, &good);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(2 << 30)
            .unwrap();
        let refusal = refused(&world);
        assert!(
            matches!(
                refusal,
                Refusal::Size {
                    found: 2_147_483_648,
                    ..
                }
            ),
            "{refusal}"
        );
        overwrite(&path, &good);
    }
    assert!(library(&world.reader(), &world.plugin).is_ok());
}

/// A repository whose artifact has another content each time that it is read, and another length than it says.
#[derive(Debug)]
struct Changing(FolderFetcher, &'static [u8]);

impl Fetcher for Changing {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn index(&self, plugin: &PluginName) -> Result<Vec<u8>, Refusal> {
        self.0.index(plugin)
    }

    fn beacon(&self, plugin: &PluginName) -> Result<Vec<u8>, Refusal> {
        self.0.beacon(plugin)
    }

    fn manifest(&self, plugin: &PluginName, release: &ReleaseId) -> Result<ManifestFiles, Refusal> {
        self.0.manifest(plugin, release)
    }

    fn artifact(
        &self,
        plugin: &PluginName,
        release: &ReleaseId,
        file: &ArtifactPath,
    ) -> Result<Source, Refusal> {
        let source = self.0.artifact(plugin, release, file)?;
        Ok(Source {
            bytes: Box::new(self.1),
            ..source
        })
    }

    fn acknowledge(&self, ack: &Ack) -> Result<(), Refusal> {
        self.0.acknowledge(ack)
    }

    fn leave(&self, plugin: &PluginName, instance: &InstanceId) -> Result<(), Refusal> {
        self.0.leave(plugin, instance)
    }
}

#[test]
fn a_library_that_changes_while_it_is_read_is_refused() {
    let (world, _) = one();
    for (bytes, code) in [
        (&b"a lib"[..], "changed"),
        (b"a library, longer", "changed"),
        (b"a LIBRARY", "digest"),
    ] {
        let mut config = world.reading(None);
        config.fetcher = Arc::new(Changing(FolderFetcher::new(&world.root()), bytes));
        let refusal = library(&Reader::new(config), &world.plugin).unwrap_err();
        assert_eq!(refusal.code(), code, "{refusal}");
        assert_eq!(names(&world.cache()), [""; 0]);
    }
}
