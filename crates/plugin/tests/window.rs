//! The deployment window over a real repository, with a clock of the test: what happens to it while the repository is gone.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use polywire_core::ErrorKind;

use polywire_plugin::format::{Ack, ReleaseId};
use polywire_plugin::window::{BootTime, Contact, Gate, ManualBootClock, Proof, Slot, Window};
use support::World;

const W: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

struct Consumer {
    window: Mutex<Window>,
    contact: Contact,
    clock: ManualBootClock,
}

impl Consumer {
    fn new(world: &World, proof: Proof) -> Self {
        let clock = ManualBootClock::at(BootTime::after_start(HOUR));
        let reader = world.reader();
        let repository = reader.fetcher().describe();
        let window = Window::new(&repository, &world.plugin, W, Arc::new(clock.clone())).unwrap();
        Self {
            window: Mutex::new(window),
            contact: Contact::new(reader, world.plugin.clone(), "host".parse().unwrap(), proof),
            clock,
        }
    }

    fn make(&mut self) -> Result<u64, &'static str> {
        let made = self.contact.make(&self.window);
        made.map(|index| index.seq)
            .map_err(|refusal| refusal.code())
    }

    fn open(&self, release: &ReleaseId) -> Gate {
        let release = release.clone();
        self.window.lock().open(&Slot { major: 1, release })
    }
}

fn two() -> (World, ReleaseId, ReleaseId) {
    let world = World::new();
    let old = world.publish("1.4.0", b"old", &["1.4.0"]);
    let new = world.publish("1.5.0", b"new", &["1.5.0"]);
    world.deploy(&old);
    (world, old, new)
}

fn ack(world: &World) -> Ack {
    Ack::parse(&fs::read(world.root().join("acks/orders/host.json")).unwrap()).unwrap()
}

#[test]
fn a_new_release_takes_over_and_the_acknowledgement_says_so() {
    let (world, old, new) = two();
    let mut consumer = Consumer::new(&world, Proof::Write);
    assert!(consumer.contact.ack().is_none());
    assert_eq!(consumer.make(), Ok(1));
    let before = consumer.open(&old);
    assert!(before.check().is_ok());
    consumer.clock.advance(W / 4);
    world.deploy(&new);
    assert_eq!(consumer.make(), Ok(2));
    let after = consumer.open(&new);
    consumer
        .contact
        .ack()
        .unwrap()
        .running
        .insert(1, new.clone());
    assert_eq!(consumer.make(), Ok(2));
    let told = ack(&world);
    assert_eq!(
        (told.beat, told.seq_seen, told.running.get(&1)),
        (3, 2, Some(&new))
    );
    assert_eq!((told.window_ms, told.lease_ms), (60_000, 60_000));
    consumer.clock.advance(W - W / 4);
    assert!(
        before.check().is_err(),
        "it was deployed no more at the last contact"
    );
    assert!(after.check().is_ok());
    consumer.contact.leave().unwrap();
    assert!(!world.root().join("acks/orders/host.json").exists());
}

/// Nothing is proven while the repository is like this, and everything is well when it is back.
fn closes_and_recovers(spoil: impl Fn(&World), restore: impl Fn(&World), code: &str) {
    let (world, release, _) = two();
    let mut consumer = Consumer::new(&world, Proof::Write);
    consumer.make().unwrap();
    let gate = consumer.open(&release);
    spoil(&world);
    for _ in 0..4 {
        assert!(gate.check().is_ok());
        assert_eq!(consumer.make(), Err(code));
        consumer.clock.advance(W / 4);
    }
    let error = gate.check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let repository = format!(
        "repository {:?} was last reached 60.0s ago",
        world.root().display().to_string()
    );
    assert!(error.message().contains(&repository), "{error}");
    assert_eq!(consumer.window.lock().expire().len(), 1);
    assert_eq!(consumer.make(), Err(code));
    assert!(gate.check().is_err());
    restore(&world);
    assert_eq!(consumer.make(), Ok(1));
    assert!(gate.check().is_ok());
}

fn aside(world: &World) -> std::path::PathBuf {
    world.folder.path().join("aside")
}

#[test]
fn a_repository_that_is_removed_or_unmounted() {
    let back = |world: &World| fs::rename(aside(world), world.root()).unwrap();
    closes_and_recovers(
        |world| fs::rename(world.root(), aside(world)).unwrap(),
        back,
        "missing",
    );
    let spoil = |world: &World| {
        fs::rename(world.root(), aside(world)).unwrap();
        fs::create_dir(world.root()).unwrap();
    };
    let restore = |world: &World| {
        fs::remove_dir(world.root()).unwrap();
        back(world);
    };
    closes_and_recovers(spoil, restore, "missing");
}

#[test]
fn a_repository_that_can_be_read_and_not_written() {
    // A file in place of the folder: whoever runs the test, even one who may write everywhere, cannot write here.
    let acks = |world: &World| world.root().join("acks");
    let spoil = |world: &World| {
        fs::rename(acks(world), aside(world)).unwrap();
        fs::write(acks(world), b"").unwrap();
    };
    let restore = |world: &World| {
        fs::remove_file(acks(world)).unwrap();
        fs::rename(aside(world), acks(world)).unwrap();
    };
    closes_and_recovers(spoil, restore, "not-a-file");
}

#[test]
fn an_index_that_is_not_valid_or_gone() {
    let index = |world: &World| world.root().join("index/orders.json");
    let spoil = |world: &World| {
        fs::copy(index(world), aside(world)).unwrap();
        fs::write(index(world), b"{}").unwrap();
    };
    let restore = |world: &World| fs::rename(aside(world), index(world)).unwrap();
    closes_and_recovers(spoil, restore, "format");
    let spoil = |world: &World| fs::rename(index(world), aside(world)).unwrap();
    closes_and_recovers(spoil, restore, "missing");
}

#[test]
fn a_repository_that_is_replaced_by_another_is_not_believed() {
    let (other, _, _) = two();
    let spoil = |world: &World| {
        fs::rename(world.root(), aside(world)).unwrap();
        fs::create_dir_all(world.root().join("acks")).unwrap();
        fs::create_dir_all(world.root().join("index")).unwrap();
        let index = fs::read(other.root().join("index/orders.json")).unwrap();
        fs::write(world.root().join("index/orders.json"), index).unwrap();
    };
    let restore = |world: &World| {
        fs::remove_dir_all(world.root()).unwrap();
        fs::rename(aside(world), world.root()).unwrap();
    };
    closes_and_recovers(spoil, restore, "signature");
}

#[test]
fn a_repository_that_may_only_be_read_goes_by_the_publishers_word() {
    let (world, release, _) = two();
    let mut consumer = Consumer::new(&world, Proof::Beacon { skew: HOUR });
    assert_eq!(consumer.make(), Err("missing"));
    let gate = consumer.open(&release);
    assert!(gate.check().is_err());
    world.publisher().beacon(&world.plugin).unwrap();
    assert_eq!(consumer.make(), Ok(1));
    assert!(gate.check().is_ok());
    assert!(gate.remaining() <= W);
    assert!(
        !world.root().join("acks/orders/host.json").exists(),
        "nothing is written"
    );
    consumer.clock.advance(W);
    assert!(gate.check().is_err());
    consumer.contact.leave().unwrap();
}
