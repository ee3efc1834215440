//! Watching real folders: what is hinted, and what only the poll finds.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::thread;
use std::time::Duration;

use polywire_plugin::watch::{Wake, Watch};
use support::World;

/// Longer than any of these tests has.
const NEVER: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_millis(50);
/// Far more polls than the slowest machine needs.
const MANY: usize = 2000;

/// Waits for a hint, for as long as many polls take.
fn hinted(watch: &mut Watch) -> bool {
    (0..MANY).any(|_| watch.wait() == Wake::Hint)
}

#[test]
fn a_deployment_is_hinted_without_a_poll() {
    let world = World::new();
    let release = world.publish("1.4.0", b"a", &["1.4.0"]);
    let mut watch = Watch::polling(&world.root(), NEVER);
    assert!(!watch.is_notified());
    assert_eq!(watch.wait(), Wake::Hint, "it is watched from now on: look");
    assert!(watch.is_notified());
    let reader = world.reader();
    for seq in 1..=5 {
        world.deploy(&release);
        loop {
            assert_eq!(watch.wait(), Wake::Hint);
            if reader
                .index(&world.plugin)
                .is_ok_and(|index| index.seq == seq)
            {
                break;
            }
        }
    }
}

#[test]
fn without_hints_there_are_polls() {
    let world = World::new();
    let mut watch = Watch::polling(&world.folder.path().join("nowhere"), SOON);
    for _ in 0..3 {
        assert_eq!(watch.wait(), Wake::Poll);
    }
    assert!(!watch.is_notified());
}

#[test]
fn what_is_no_folder_is_polled_and_hinted_at_by_this_process_alone() {
    let mut watch = Watch::remote(Duration::from_millis(200));
    for _ in 0..3 {
        assert_eq!(watch.wait(), Wake::Poll);
    }
    assert!(!watch.is_notified());
    let stopper = watch.stopper();
    stopper.hint();
    assert_eq!(watch.wait(), Wake::Hint);
    stopper.stop();
    assert_eq!(watch.wait(), Wake::Stopped);
}

#[test]
fn a_folder_that_is_removed_renamed_or_replaced_is_watched_again() {
    let world = World::new();
    let release = world.publish("1.4.0", b"a", &["1.4.0"]);
    let mut watch = Watch::polling(&world.root(), SOON);
    assert!(hinted(&mut watch));
    let aside = world.folder.path().join("aside");

    fs::rename(world.root(), &aside).unwrap();
    assert!(
        (0..MANY).any(|_| watch.wait() == Wake::Poll && !watch.is_notified()),
        "it is gone"
    );
    fs::rename(&aside, world.root()).unwrap();
    assert!(hinted(&mut watch) && watch.is_notified(), "it is back");
    world.deploy(&release);
    assert!(hinted(&mut watch));

    // Replaced by one rename, so that there is always a folder of that name.
    let index = world.root().join("index");
    let copy = world.folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    fs::copy(index.join("orders.json"), copy.join("orders.json")).unwrap();
    fs::rename(&index, &aside).unwrap();
    fs::rename(&copy, &index).unwrap();
    assert!(hinted(&mut watch) && watch.is_notified());
    // Hints of the old folder may still come; one that comes after a poll without any is of the new one.
    assert!((0..MANY).any(|_| watch.wait() == Wake::Poll));
    world.deploy(&release);
    assert!(hinted(&mut watch), "the new folder is watched");

    fs::remove_dir_all(world.root()).unwrap();
    assert!((0..MANY).any(|_| watch.wait() == Wake::Poll && !watch.is_notified()));
    fs::create_dir_all(&index).unwrap();
    assert!(hinted(&mut watch) && watch.is_notified());
}

#[test]
fn a_folder_that_is_removed_and_made_again_between_two_waits_is_watched_again() {
    let world = World::new();
    let release = world.publish("1.4.0", b"a", &["1.4.0"]);
    let mut watch = Watch::polling(&world.root(), SOON);
    assert!(hinted(&mut watch));
    for _ in 0..5 {
        let index = world.root().join("index");
        fs::remove_dir_all(&index).unwrap();
        // Often of the same identity.
        fs::create_dir(&index).unwrap();
        assert!(hinted(&mut watch), "it was removed");
        // Until the last news of the old one are through.
        while watch.wait() != Wake::Poll {}
        world.deploy(&release);
        assert!(hinted(&mut watch), "the new one is watched");
    }
}

#[test]
fn a_wait_is_ended_from_another_thread() {
    let world = World::new();
    let mut watch = Watch::polling(&world.folder.path().join("nowhere"), NEVER);
    assert_eq!(watch.wait(), Wake::Poll, "the first look is at once");
    let stopper = watch.stopper();
    let stopping = thread::spawn(move || stopper.stop());
    assert_eq!(watch.wait(), Wake::Stopped);
    assert_eq!(watch.wait(), Wake::Stopped);
    stopping.join().unwrap();
}
