//! Reading: what is taken, what is remembered, and what other machines and other times are refused.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use polywire_core::{Dispatched, Error, ErrorKind};
use polywire_plugin::Refusal;
use polywire_plugin::fetch::{Cache, Reader};
use polywire_plugin::format::{Ack, Manifest, Signed};
use polywire_plugin::publish::Deploy;
use polywire_plugin::trust::Purpose;
use support::{World, deploy, library, names, one, overwrite, refused};

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
    fs::remove_file(world.artifact(&release)).unwrap();
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
