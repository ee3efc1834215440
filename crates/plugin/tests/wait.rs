//! Waiting for consumers after a deployment, with real acknowledgements and a clock of the test.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::time::Duration;

use polywire_plugin::format::{Ack, AckError, Index, ReleaseId};
use polywire_plugin::publish::{Patience, Rollout};
use polywire_plugin::window::{BootTime, ManualBootClock};
use support::{World, deploy};

const W: Duration = Duration::from_secs(60);
const PATIENCE: Patience = Patience {
    window: W,
    grace: Duration::from_secs(5),
    pause: Duration::from_secs(1),
};

struct Rolling {
    world: World,
    old: ReleaseId,
    new: ReleaseId,
    index: Index,
    clock: ManualBootClock,
}

impl Rolling {
    /// Two releases, of which the newer one was just deployed.
    fn new() -> Self {
        let world = World::new();
        let old = world.publish("1.4.0", b"old", &["1.4.0"]);
        let new = world.publish("1.5.0", b"new", &["1.5.0"]);
        world.deploy(&old);
        let index = world
            .publisher()
            .deploy(&world.plugin, &deploy(&new))
            .unwrap();
        let clock = ManualBootClock::at(BootTime::after_start(W));
        Self {
            world,
            old,
            new,
            index,
            clock,
        }
    }

    fn ack(&self, instance: &str, beat: u64, seq_seen: u64, running: &ReleaseId) -> Ack {
        let instance = instance.parse().unwrap();
        let mut ack = Ack::new(
            self.index.repository.clone(),
            self.world.plugin.clone(),
            instance,
        );
        (ack.beat, ack.seq_seen, ack.window_ms) = (beat, seq_seen, 60_000);
        ack.running.insert(1, running.clone());
        ack
    }

    fn write(&self, ack: &Ack) {
        let path = self
            .world
            .root()
            .join(format!("acks/orders/{}.json", ack.instance));
        fs::write(path, ack.to_bytes().unwrap()).unwrap();
    }

    /// Waits; `second` sees how many seconds have passed. Answers what is known in the end, and after how long.
    fn wait(
        &self,
        mut second: impl FnMut(u64),
        go_on: impl Fn(&Rollout) -> bool,
    ) -> (Rollout, u64) {
        let mut passed = 0;
        let pause = |by| {
            self.clock.advance(by);
            passed += 1;
            second(passed);
        };
        let publisher = self.world.publisher();
        let rollout = publisher.wait(&self.index, PATIENCE, &self.clock, pause, |rollout, _| {
            go_on(rollout)
        });
        (rollout.unwrap(), passed)
    }
}

fn names<'a>(
    instances: impl IntoIterator<Item = &'a polywire_plugin::format::InstanceId>,
) -> Vec<&'a str> {
    instances
        .into_iter()
        .map(polywire_plugin::format::InstanceId::as_str)
        .collect()
}

#[test]
fn it_is_over_when_every_consumer_follows() {
    let rolling = Rolling::new();
    let Rolling { old, new, .. } = &rolling;
    for instance in ["a", "b"] {
        rolling.write(&rolling.ack(instance, 1, 1, old));
    }
    let second = |passed| match passed {
        2 => rolling.write(&rolling.ack("a", 2, 2, new)),
        // It has read the index, and not swapped yet.
        3 => rolling.write(&rolling.ack("b", 2, 2, old)),
        4 => {
            let mut draining = rolling.ack("b", 3, 2, new);
            draining.draining.insert(old.clone());
            rolling.write(&draining);
        }
        6 => rolling.write(&rolling.ack("b", 4, 2, new)),
        _ => {}
    };
    let (rollout, passed) = rolling.wait(second, |_| true);
    assert_eq!((names(&rollout.done), passed), (vec!["a", "b"], 6));
    assert!(rollout.is_over() && !rollout.window_passed);
}

#[test]
fn who_was_never_heard_is_waited_for_until_the_window_has_passed_and_named() {
    let rolling = Rolling::new();
    let Rolling { old, new, .. } = &rolling;
    rolling.write(&rolling.ack("done", 1, 2, new));
    rolling.write(&rolling.ack("cut-off", 1, 1, old));
    rolling.write(&rolling.ack("slow", 1, 1, old));
    let second = |passed| match passed {
        1 => rolling.write(&rolling.ack("slow", 2, 1, old)),
        2 => rolling.write(&rolling.ack("came-later", 1, 1, old)),
        _ => {}
    };
    let (rollout, passed) = rolling.wait(second, |_| true);
    assert_eq!(passed, 65, "the window and the grace");
    assert!(rollout.is_over() && rollout.window_passed);
    assert_eq!(names(&rollout.done), ["done"]);
    assert_eq!(names(&rollout.silent), ["cut-off"]);
    assert_eq!(names(&rollout.behind), ["came-later", "slow"]);
}

#[test]
fn without_any_consumer_and_with_longer_windows_it_waits_as_long_as_it_must() {
    let rolling = Rolling::new();
    let (rollout, passed) = rolling.wait(|_| {}, |_| true);
    assert_eq!(
        (passed, rollout.window_passed),
        (65, true),
        "there may be some that may only read"
    );

    let mut patient = rolling.ack("patient", 1, 1, &rolling.old);
    patient.window_ms = 90_000;
    rolling.write(&patient);
    let (_, passed) = rolling.wait(|_| {}, |_| true);
    assert_eq!(passed, 95);
}

#[test]
fn a_release_that_does_not_load_is_told_in_time_to_take_it_back() {
    let rolling = Rolling::new();
    let second = |passed| {
        if passed == 1 {
            let mut failed = rolling.ack("host", 2, 2, &rolling.old);
            failed.error = Some(AckError::new(
                Some(rolling.new.clone()),
                "init",
                "no such database",
            ));
            rolling.write(&failed);
        }
    };
    rolling.write(&rolling.ack("host", 1, 1, &rolling.old));
    let (rollout, passed) = rolling.wait(second, |rollout| rollout.failed.is_empty());
    assert_eq!(passed, 1);
    assert!(!rollout.is_over());
    let (instance, error) = rollout.failed.iter().next().unwrap();
    assert_eq!(
        (instance.as_str(), error.message.as_str()),
        ("host", "no such database")
    );
    let json = serde_json::to_value(&rollout).unwrap();
    assert_eq!(json["failed"]["host"]["code"], "init");
}

#[test]
fn who_leaves_and_who_belongs_to_another_repository_is_not_waited_for() {
    let rolling = Rolling::new();
    let Rolling { old, new, .. } = &rolling;
    rolling.write(&rolling.ack("stays", 1, 2, new));
    rolling.write(&rolling.ack("leaves", 1, 1, old));
    let mut foreign = rolling.ack("foreign", 1, 1, old);
    foreign.repository = polywire_plugin::format::RepositoryId::random();
    rolling.write(&foreign);
    let second = |passed| {
        if passed == 3 {
            fs::remove_file(rolling.world.root().join("acks/orders/leaves.json")).unwrap();
        }
    };
    let (rollout, passed) = rolling.wait(second, |_| true);
    assert_eq!((names(&rollout.done), passed), (vec!["stays"], 3));
}
