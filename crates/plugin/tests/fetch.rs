//! Reading: every hostile release and every hostile repository is refused with its reason.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use polywire_core::{Dispatched, Error, ErrorKind};
use polywire_plugin::Refusal;
use polywire_plugin::fetch::{Cache, Fetcher, FolderFetcher, ManifestFiles, Reader, Source};
use polywire_plugin::format::{
    Ack, ArtifactPath, InstanceId, Manifest, PluginName, ReleaseId, RepositoryId, Signed,
};
use polywire_plugin::publish::{Deploy, Publisher};
use polywire_plugin::trust::{Purpose, SigningKey};
use support::{World, deploy, names};

/// A repository with one release that is deployed.
fn one() -> (World, ReleaseId) {
    let world = World::new();
    let release = world.publish("1.4.0", b"a library", &["1.4.0"]);
    world.deploy(&release);
    (world, release)
}

/// Everything up to the library.
fn library(reader: &Reader, plugin: &PluginName) -> Result<Vec<u8>, Refusal> {
    let index = reader.index(plugin)?;
    let manifest = reader.manifest(&index, reader.named(&index, 1)?)?;
    Ok(fs::read(reader.library(&manifest)?).unwrap())
}

/// The reason for which a consumer that has just started takes nothing.
fn refused(world: &World) -> Refusal {
    library(&world.reader(), &world.plugin).unwrap_err()
}

fn overwrite(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_release_is_taken_into_the_cache_and_only_once() {
    let (world, release) = one();
    let reader = world.reader();
    assert_eq!(library(&reader, &world.plugin).unwrap(), b"a library");
    let cached = names(&world.cache());
    assert_eq!(cached.len(), 1);
    assert_eq!(
        fs::metadata(world.cache()).unwrap().permissions().mode() & 0o777,
        0o700
    );
    fs::remove_file(world.library(&release)).unwrap();
    assert_eq!(
        library(&reader, &world.plugin).unwrap(),
        b"a library",
        "it is there already"
    );
    overwrite(&world.cache().join(&cached[0]), b"a librarx");
    assert_eq!(
        refused(&world).code(),
        "missing",
        "what is damaged in the cache is not loaded"
    );
    let error = reader
        .index(&world.plugin)
        .and_then(|index| reader.named(&index, 7).cloned());
    let error = error.unwrap_err().to_string();
    assert_eq!(
        error,
        "the index of plugin orders names no release for major 7: it has 1"
    );
}

#[test]
fn truncated_overwritten_and_grown_libraries_are_refused() {
    let (world, release) = one();
    overwrite(&world.library(&release), b"a lib");
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
    overwrite(&world.library(&release), b"a librarX");
    assert_eq!(refused(&world).code(), "digest");
    overwrite(&world.library(&release), b"a library and more");
    assert_eq!(refused(&world).code(), "size");
    let file = fs::File::options()
        .write(true)
        .open(world.library(&release))
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
    fs::remove_file(world.library(&release)).unwrap();
    assert_eq!(refused(&world).code(), "missing");
    assert_eq!(names(&world.cache()), [""; 0], "nothing of it stays");
}

#[test]
fn links_pipes_and_folders_in_place_of_files_are_refused() {
    let (world, release) = one();
    let library = world.library(&release);
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
fn an_index_that_went_back_is_refused_after_a_restart_too() {
    let (world, release) = one();
    let index = world.root().join("index/orders.json");
    let first = fs::read(&index).unwrap();
    world.reader().index(&world.plugin).unwrap();
    world.deploy(&release);
    world.reader().index(&world.plugin).unwrap();
    overwrite(&index, &first);
    let refusal = refused(&world);
    assert!(
        matches!(
            refusal,
            Refusal::Rewound {
                found: 1,
                seen: 2,
                ..
            }
        ),
        "{refusal}"
    );
    let error = Error::from(refusal);
    assert_eq!(
        (error.kind(), error.dispatched()),
        (ErrorKind::Integrity, Dispatched::No)
    );
    assert!(
        error
            .message()
            .contains("an index never goes back, deploy anew"),
        "{error}"
    );
    world.deploy(&release);
    world.deploy(&release);
    assert!(library(&world.reader(), &world.plugin).is_ok());
}

#[test]
fn releases_for_other_machines_and_other_interfaces_and_revoked_ones_are_refused() {
    let (world, release) = one();
    let mut config = world.reading(None);
    config.platform = "riscv128-plan9".parse().unwrap();
    let refusal = library(&Reader::new(config), &world.plugin).unwrap_err();
    assert!(
        refusal
            .to_string()
            .ends_with("and this process is riscv128-plan9"),
        "{refusal}"
    );
    let mut config = world.reading(None);
    config.abi = vec![2, 3];
    let refusal = library(&Reader::new(config), &world.plugin).unwrap_err();
    let says = "was built for binary interface 1.0, and this consumer has 2, 3.x";
    assert!(refusal.to_string().ends_with(says), "{refusal}");

    world.publisher().revoke(&world.plugin, &release).unwrap();
    let reader = world.reader();
    let index = reader.index(&world.plugin).unwrap();
    assert_eq!(reader.named(&index, 1).unwrap_err().code(), "no-major");
    assert_eq!(
        reader.manifest(&index, &release).unwrap_err().code(),
        "revoked"
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

#[test]
fn a_repository_that_is_gone_is_not_made_anew() {
    let (world, _) = one();
    let reader = world.reader();
    let id = reader.index(&world.plugin).unwrap().repository;
    let ack = Ack::new(id, world.plugin.clone(), "host".parse().unwrap());
    reader.fetcher().acknowledge(&ack).unwrap();
    let written = world.root().join("acks/orders/host.json");
    let mut text = String::new();
    fs::File::open(&written)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(Ack::parse(text.as_bytes()).unwrap(), ack);
    reader
        .fetcher()
        .leave(&world.plugin, &ack.instance)
        .unwrap();
    reader
        .fetcher()
        .leave(&world.plugin, &ack.instance)
        .unwrap();
    assert!(!written.exists());

    fs::rename(world.root(), world.folder.path().join("unmounted")).unwrap();
    assert_eq!(
        reader.index(&world.plugin).unwrap_err().code(),
        "unreachable"
    );
    assert_eq!(
        reader.fetcher().acknowledge(&ack).unwrap_err().code(),
        "missing"
    );
    // What is left of a mount is an empty folder.
    fs::create_dir(world.root()).unwrap();
    assert_eq!(reader.index(&world.plugin).unwrap_err().code(), "missing");
    assert_eq!(
        reader.fetcher().acknowledge(&ack).unwrap_err().code(),
        "missing"
    );
    assert_eq!(names(&world.root()), [""; 0]);
    fs::remove_dir(world.root()).unwrap();
    fs::rename(world.folder.path().join("unmounted"), world.root()).unwrap();
    reader.fetcher().acknowledge(&ack).unwrap();
    assert!(library(&reader, &world.plugin).is_ok());
    fs::remove_dir_all(world.root().join("acks/orders")).unwrap();
    symlink(world.folder.path(), world.root().join("acks/orders")).unwrap();
    assert_eq!(
        reader.fetcher().acknowledge(&ack).unwrap_err().code(),
        "not-a-file"
    );
    let error = Error::from(Refusal::Missing { path: written });
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn a_beacon_counts_while_it_is_fresh() {
    let (world, _) = one();
    let reader = world.reader();
    let index = reader.index(&world.plugin).unwrap();
    let (hour, second) = (Duration::from_secs(3600), Duration::from_secs(1));
    assert_eq!(
        reader.beacon(&index, hour, second).unwrap_err().code(),
        "missing"
    );
    world.publisher().beacon(&world.plugin).unwrap();
    assert!(reader.beacon(&index, hour, hour).unwrap() < hour);

    let write = |seq, issued_ms| {
        let beacon = polywire_plugin::format::Beacon::new(
            index.repository.clone(),
            world.plugin.clone(),
            seq,
            issued_ms,
        );
        let signed = String::from_utf8(beacon.to_bytes().unwrap()).unwrap();
        let signature = world
            .key()
            .sign(Purpose::Beacon, signed.as_bytes())
            .unwrap();
        let file = Signed { signed, signature }.to_bytes("the beacon").unwrap();
        fs::write(world.root().join("beacons/orders.json"), file).unwrap();
    };
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    write(1, now - 7_200_000);
    assert_eq!(
        reader.beacon(&index, hour, second).unwrap_err().code(),
        "beacon"
    );
    write(1, now + 7_200_000);
    assert_eq!(
        reader.beacon(&index, hour, second).unwrap_err().code(),
        "beacon"
    );
    write(2, now);
    let refusal = reader.beacon(&index, hour, hour).unwrap_err();
    assert!(
        matches!(
            refusal,
            Refusal::Rewound {
                found: 1,
                seen: 2,
                ..
            }
        ),
        "{refusal}"
    );
}

#[test]
fn a_cache_that_others_may_write_to_is_refused() {
    let (world, _) = one();
    let folder = world.folder.path().join("shared");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let refusal = Cache::open(&folder).unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("has mode 777, so that others may write to it: make it 700"),
        "{refusal}"
    );
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(Cache::open(&folder).is_ok());
}

#[test]
fn what_another_process_copies_right_now_is_not_swept() {
    let (world, _) = one();
    let reader = world.reader();
    let folder = world.cache();
    let part = folder.join(".abc-1.part");
    let held = fs::File::create(&part).unwrap();
    held.lock().unwrap();
    Cache::open(&folder).unwrap();
    assert!(part.exists());
    held.unlock().unwrap();
    Cache::open(&folder).unwrap();
    assert!(!part.exists());
    assert!(library(&reader, &world.plugin).is_ok());
}

#[test]
fn a_manifest_offers_what_is_negotiated_before_anything_is_loaded() {
    use polywire_contract::{Name, Requirement, negotiate};
    let world = World::new();
    let release = world.publish("2.0.0", b"both", &["1.4.0", "2.0.0"]);
    let both = Deploy {
        majors: [1, 2].into(),
        ..deploy(&release)
    };
    world.publisher().deploy(&world.plugin, &both).unwrap();
    let reader = world.reader();
    let index = reader.index(&world.plugin).unwrap();
    let manifest: Manifest = reader
        .manifest(&index, reader.named(&index, 1).unwrap())
        .unwrap();
    let name = Name::from_static("orders");
    let wanted = Requirement::parse_list(name.clone(), "^1.5").unwrap();
    let refusal = negotiate(&wanted, &manifest.offer(&name)).unwrap_err();
    assert!(refusal.to_string().contains("1.4.0"), "{refusal}");
    assert_eq!(names(&world.cache()), [""; 0], "nothing was copied");
}
