//! A publisher that is killed between any two of its system calls: readers see what was or what is to be, and the next start
//! is right.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use polywire_plugin::Observer;
use polywire_plugin::format::ReleaseId;
use polywire_plugin::publish::{Keep, Publisher};
use polywire_plugin::trust::SigningKey;
use support::kill::{order, run, tests};
use support::{World, deploy, names};

/// What the child does, over what it finds in the environment.
fn act(operation: &str, folder: &Path, observer: Option<Arc<Observer>>) {
    let root = folder.join("repository");
    let key = || SigningKey::open(&fs::read_to_string(folder.join("key")).unwrap(), None).unwrap();
    if operation == "create" {
        Publisher::create_watched(&root, key(), observer).unwrap();
        return;
    }
    let mut publisher = Publisher::open(&root, key()).unwrap();
    if let Some(observer) = observer {
        publisher = publisher.watched(observer);
    }
    let plugin = "orders".parse().unwrap();
    let newest = || publisher.releases(&plugin).unwrap().pop().unwrap();
    match operation {
        "publish" => drop(publisher.publish(&folder.join("next")).unwrap()),
        "deploy" => drop(publisher.deploy(&plugin, &deploy(&newest())).unwrap()),
        "beacon" => drop(publisher.beacon(&plugin).unwrap()),
        "gc" => {
            let keep = Keep {
                versions: 0,
                acks: Duration::from_secs(86_400),
            };
            drop(publisher.gc(&plugin, keep).unwrap());
        }
        other => panic!("{other:?} is no operation"),
    }
}

fn newest(publisher: &Publisher, world: &World) -> Option<ReleaseId> {
    publisher.releases(&world.plugin).unwrap().pop()
}

/// Kills an operation before each of its calls in turn, each time in a new world. `look` sees what is left, and then what the
/// same operation makes of it.
fn everywhere(
    operation: &str,
    least: usize,
    prepare: impl Fn(&World),
    look: impl Fn(&World, bool),
) {
    for stop in 1..200 {
        let world = World::new();
        prepare(&world);
        let ended = run(operation, world.folder.path(), stop);
        if operation != "create" {
            let problems = world.publisher().verify().unwrap().problems;
            assert!(
                problems.is_empty(),
                "{operation} killed before call {stop}: {problems:?}"
            );
            look(&world, false);
        }
        act(operation, world.folder.path(), None);
        let problems = world.publisher().verify().unwrap().problems;
        assert!(
            problems.is_empty(),
            "{operation} after a kill before call {stop}: {problems:?}"
        );
        look(&world, true);
        assert_eq!(
            names(&world.root().join(".staging")),
            [""; 0],
            "{operation} {stop}: staging is swept"
        );
        for folder in ["index", "beacons"] {
            let left = names(&world.root().join(folder));
            assert!(
                left.iter().all(|name| name == "orders.json"),
                "{operation} {stop}: {left:?}"
            );
        }
        if ended {
            assert!(stop > least, "{operation} made {stop} calls only");
            return;
        }
    }
    panic!("{operation} never came to an end");
}

fn two_releases(world: &World) {
    for version in ["1.4.0", "1.5.0"] {
        let release = world.publish(version, version.as_bytes(), &[version]);
        if version == "1.4.0" {
            world.deploy(&release);
        }
    }
}

fn create() {
    let again = |world: &World| fs::remove_dir_all(world.root()).unwrap();
    everywhere("create", 10, again, |world, _| {
        assert!(names(&world.root()).contains(&"repo.toml".to_owned()));
    });
}

fn publish() {
    let prepare = |world: &World| {
        let old = world.publish("1.4.0", b"old", &["1.4.0"]);
        world.deploy(&old);
        // Two chunks, so that it is also killed within a library.
        let packed = world.packed("1.5.0", &vec![7; 257 << 10], &["1.5.0"]);
        fs::rename(packed, world.folder.path().join("next")).unwrap();
    };
    everywhere("publish", 20, prepare, |world, ended| {
        let publisher = world.publisher();
        let releases = publisher.releases(&world.plugin).unwrap();
        assert!(
            (1 + usize::from(ended)..=2).contains(&releases.len()),
            "{releases:?}"
        );
        let (index, _) = publisher.index(&world.plugin).unwrap().unwrap();
        assert!(
            index.seq == 1 && index.names(&releases[0]),
            "publishing deploys nothing"
        );
    });
}

fn deploy_a_release() {
    everywhere("deploy", 6, two_releases, |world, ended| {
        let publisher = world.publisher();
        let releases = publisher.releases(&world.plugin).unwrap();
        let (index, _) = publisher.index(&world.plugin).unwrap().unwrap();
        // Done twice when it was killed after its rename.
        let new = index.seq >= 2 && index.names(&releases[1]);
        assert!(
            new || (!ended && index.seq == 1 && index.names(&releases[0])),
            "{index:?}"
        );
    });
}

fn beacon() {
    everywhere("beacon", 6, two_releases, |world, ended| {
        let beacon = world.root().join("beacons/orders.json");
        assert!(!ended || beacon.exists());
    });
}

fn gc() {
    everywhere("gc", 10, two_releases, |world, ended| {
        let publisher = world.publisher();
        let releases = publisher.releases(&world.plugin).unwrap();
        let (index, _) = publisher.index(&world.plugin).unwrap().unwrap();
        assert!(index.names(&releases[0]), "what serves is there");
        assert!(
            !ended
                || newest(&publisher, world).as_ref() == Some(&releases[0]) && releases.len() == 1
        );
    });
}

fn main() {
    if let Some((operation, folder, observer)) = order() {
        return act(&operation, &folder, Some(observer));
    }
    tests([
        ("create", create as fn()),
        ("publish", publish),
        ("deploy", deploy_a_release),
        ("beacon", beacon),
        ("gc", gc),
    ]);
}
