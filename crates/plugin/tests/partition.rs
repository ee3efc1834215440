//! Two consumers, one of which is cut off: what the deployer is told is true.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use polywire_plugin::fetch::{FolderFetcher, Reader};
use polywire_plugin::format::{Index, InstanceId, ReleaseId};
use polywire_plugin::publish::Patience;
use polywire_plugin::window::{BootTime, Contact, Gate, ManualBootClock, Proof, Slot, Window};
use support::{World, deploy, reading};

const W: Duration = Duration::from_secs(60);

/// A consumer that reaches the repository by a mount of its own, and loads whatever it is told to.
struct Consumer {
    mount: PathBuf,
    window: Mutex<Window>,
    contact: Contact,
    gates: Vec<(ReleaseId, Gate)>,
}

impl Consumer {
    fn new(world: &World, name: &str, clock: &ManualBootClock) -> Self {
        let own = world.folder.path().join(name);
        fs::create_dir(&own).unwrap();
        let mount = own.join("repository");
        symlink(world.root(), &mount).unwrap();
        let mut config = reading(&own, world.trusted(), None);
        config.fetcher = Arc::new(FolderFetcher::new(&mount));
        let reader = Reader::new(config);
        let window = Window::new(name, &world.plugin, W, Arc::new(clock.clone())).unwrap();
        let instance = name.parse().unwrap();
        Self {
            mount,
            window: Mutex::new(window),
            contact: Contact::new(reader, world.plugin.clone(), instance, Proof::Write),
            gates: Vec::new(),
        }
    }

    /// One round: contact, load what is new, say so. Answers whether the repository was reached.
    fn round(&mut self) -> bool {
        let Ok(index) = self.contact.make(&self.window) else {
            return false;
        };
        let named = index.majors[&1].clone();
        if self.gates.iter().all(|(release, _)| *release != named) {
            let slot = Slot {
                major: 1,
                release: named.clone(),
            };
            let gate = self.window.lock().open(&slot);
            self.gates.push((named.clone(), gate));
            let ack = self.contact.ack().unwrap();
            ack.running = [(1, named)].into();
            return self.contact.make(&self.window).is_ok();
        }
        true
    }

    fn lets_in(&self, release: &ReleaseId) -> bool {
        self.gates
            .iter()
            .any(|(of, gate)| of == release && gate.check().is_ok())
    }
}

#[test]
fn the_deployer_knows_when_nothing_old_is_let_in_any_more() {
    let world = World::new();
    let old = world.publish("1.4.0", b"old", &["1.4.0"]);
    let new = world.publish("1.5.0", b"new", &["1.5.0"]);
    world.deploy(&old);
    let clock = ManualBootClock::at(BootTime::after_start(W));
    let mut reached = Consumer::new(&world, "reached", &clock);
    let mut cut_off = Consumer::new(&world, "cut-off", &clock);
    assert!(reached.round() && cut_off.round());

    fs::remove_file(&cut_off.mount).unwrap();
    let publisher = world.publisher();
    let index: Index = publisher.deploy(&world.plugin, &deploy(&new)).unwrap();
    let patience = Patience {
        window: W,
        grace: Duration::ZERO,
        pause: Duration::from_secs(5),
    };
    let mut old_was_let_in = 0;
    let pause = |by| {
        old_was_let_in += usize::from(cut_off.lets_in(&old));
        clock.advance(by);
        assert!(reached.round());
        assert!(!cut_off.round());
        assert!(reached.lets_in(&new));
    };
    let rollout = publisher
        .wait(&index, patience, &clock, pause, |_, _| true)
        .unwrap();
    assert!(rollout.is_over() && rollout.window_passed);
    assert_eq!(
        rollout
            .done
            .iter()
            .map(InstanceId::as_str)
            .collect::<Vec<_>>(),
        ["reached"]
    );
    assert_eq!(
        rollout
            .silent
            .iter()
            .map(InstanceId::as_str)
            .collect::<Vec<_>>(),
        ["cut-off"]
    );
    assert_eq!(old_was_let_in, 12, "until its window ended, and no longer");
    assert!(!cut_off.lets_in(&old) && !reached.lets_in(&old));

    symlink(world.root(), &cut_off.mount).unwrap();
    assert!(cut_off.round());
    assert!(cut_off.lets_in(&new) && !cut_off.lets_in(&old));
}
