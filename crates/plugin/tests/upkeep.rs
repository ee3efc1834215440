//! What is kept, what is removed, and what is told of a repository.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::time::{Duration, SystemTime};

use polywire_plugin::format::{Ack, ReleaseId};
use polywire_plugin::publish::{Inspector, Keep};
use support::World;

fn acknowledge(world: &World, instance: &str, change: impl FnOnce(&mut Ack)) -> std::path::PathBuf {
    let id = world.publisher().repository().clone();
    let mut ack = Ack::new(id, world.plugin.clone(), instance.parse().unwrap());
    change(&mut ack);
    let path = world
        .root()
        .join("acks/orders")
        .join(format!("{instance}.json"));
    fs::write(&path, ack.to_bytes().unwrap()).unwrap();
    path
}

#[test]
fn what_the_index_the_acks_and_the_last_versions_need_is_kept() {
    let world = World::new();
    let publisher = world.publisher();
    let version = |n: u64| format!("1.{n}.0");
    let all: Vec<ReleaseId> = (0..8)
        .map(|n| world.publish(&version(n), version(n).as_bytes(), &[&version(n)]))
        .collect();
    world.deploy(&all[1]);
    world.deploy(&all[2]);
    acknowledge(&world, "running", |ack| {
        ack.running.insert(1, all[3].clone());
    });
    acknowledge(&world, "draining", |ack| {
        ack.draining.insert(all[4].clone());
    });
    let old = acknowledge(&world, "gone", |ack| {
        ack.running.insert(1, all[5].clone());
    });
    let long_ago = SystemTime::now() - Duration::from_secs(100_000);
    fs::File::options()
        .write(true)
        .open(&old)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();

    let keep = Keep {
        versions: 2,
        ..Keep::default()
    };
    let collected = publisher.gc(&world.plugin, keep).unwrap();
    assert_eq!(collected.releases, [all[0].clone(), all[5].clone()]);
    assert_eq!(collected.acks, ["gone.json"]);
    let left: Vec<_> = [1, 2, 3, 4, 6, 7].map(|at: usize| all[at].clone()).into();
    assert_eq!(publisher.releases(&world.plugin).unwrap(), left);
    assert!(publisher.verify().unwrap().problems.is_empty());

    let path = world.root().join("acks/orders/broken.json");
    fs::write(&path, b"{").unwrap();
    let keep = Keep {
        versions: 0,
        ..Keep::default()
    };
    assert!(
        publisher.gc(&world.plugin, keep).is_err(),
        "it may need any of them"
    );
    assert_eq!(publisher.releases(&world.plugin).unwrap(), left);
}

#[test]
fn status_says_who_runs_what() {
    let world = World::new();
    let release = world.publish("1.4.0", b"a", &["1.4.0"]);
    world.deploy(&release);
    acknowledge(&world, "behind", |_| {});
    acknowledge(&world, "current", |ack| {
        ack.seq_seen = 1;
        ack.running.insert(1, release.clone());
    });
    // It takes no secret key to look.
    let inspector = Inspector::open(&world.root(), world.trusted()).unwrap();
    assert!(inspector.verify().unwrap().problems.is_empty());
    let status = inspector.status().unwrap();
    let plugin = &status.plugins[0];
    assert_eq!(plugin.signed_by, Some(world.key().id()));
    assert_eq!(plugin.releases[0].majors, [1]);
    assert_eq!(
        plugin
            .acks
            .iter()
            .map(|ack| ack.current)
            .collect::<Vec<_>>(),
        [false, true]
    );
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(
        json["plugins"][0]["acks"][1]["ack"]["running"]["1"],
        release.to_string()
    );
}

#[test]
fn a_number_that_was_seen_and_lost_is_not_given_twice() {
    let world = World::new();
    let release = world.publish("1.4.0", b"a", &["1.4.0"]);
    assert_eq!(world.deploy(&release), 1);
    // A consumer read the index of seq 2 before the machine lost its power and with it the rename.
    let path = acknowledge(&world, "witness", |ack| ack.seq_seen = 2);
    assert_eq!(world.deploy(&release), 3);
    fs::remove_file(path).unwrap();
    acknowledge(&world, "liar", |ack| ack.seq_seen = 1 << 50);
    assert_eq!(world.deploy(&release), 4);
}
