//! `polywire plugin deploy --wait`, beside consumers that acknowledge.

use std::time::Instant;

use polywire::plugin::format::{Ack, AckError, RepositoryId};
use serde_json::json;

use crate::consumer::Consumer;
use crate::world::{Ran, Running, World, short, words};

/// Nobody waits for so long.
const LONG: &str = "--window 1d --key publisher.key";

#[test]
fn it_ends_when_every_consumer_follows() {
    let (world, old) = World::deployed("1.4.0");
    let consumers = ["a", "b"].map(|name| Consumer::start(&world, name, None));
    let new = world.published("1.5.0");
    let ran = world.run(&format!("deploy 1.5.0 --wait {LONG} --format json"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let expected = json!({
        "plugin": "orders",
        "seq": 2,
        "majors": {"1": new},
        "replaced": {"1": old},
        "rollout": {
            "seq": 2, "done": ["a", "b"], "failed": {}, "behind": [], "silent": [], "window_passed": false,
        },
    });
    assert_eq!(told, expected);
    for consumer in ["a", "b"] {
        let line = format!("{consumer}: follows; runs {} for major 1", short(&new));
        assert!(ran.err.lines().any(|found| found == line), "{}", ran.err);
    }

    let status = world.look("status");
    let acks = status["plugins"][0]["acks"].as_array().unwrap();
    assert_eq!(acks.len(), 2);
    for ack in acks {
        assert_eq!(
            (&ack["current"], &ack["ack"]["seq_seen"]),
            (&json!(true), &json!(2))
        );
        assert_eq!(ack["ack"]["running"], json!({"1": new}));
    }
    for consumer in consumers {
        consumer.leave();
    }
    assert_eq!(world.look("status")["plugins"][0]["acks"], json!([]));
}

#[test]
fn who_is_cut_off_is_waited_for_until_the_window_has_passed_and_named() {
    let (world, old) = World::deployed("1.4.0");
    let consumer = Consumer::start(&world, "cut-off", None);
    consumer.vanish();
    world.published("1.5.0");
    let start = Instant::now();
    let ran = world.run("deploy 1.5.0 --wait --window 1s --grace 1s --key publisher.key");
    assert!(start.elapsed().as_secs() >= 2, "the window and the grace");
    let expected = format!(
        "cut-off: not heard since the deployment; runs {} for major 1\n",
        short(&old)
    );
    assert_eq!((ran.code, ran.err), (Some(1), expected));
    let (table, verdict) = ran.out.split_once("never").unwrap();
    assert!(
        words(table).starts_with("major release before\n1 1.5.0+"),
        "{table}"
    );
    assert_eq!(
        verdict,
        " acknowledged it: cut-off\n\
        the deployment window has passed: no consumer lets calls into what was replaced\n"
    );
}

#[test]
fn a_consumer_that_cannot_load_it_is_named_in_time_to_take_it_back() {
    let (world, old) = World::deployed("1.4.0");
    let new = world.published("1.5.0");
    let consumer = Consumer::start(&world, "picky", Some(&new));
    let ran = world.run(&format!("deploy 1.5.0 --wait {LONG}"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    // What a consumer writes moves no cursor.
    let line = format!(
        "picky: failed in init: no such \u{fffd}[2Jdatabase; runs {} for major 1",
        short(&old)
    );
    assert!(ran.err.lines().any(|found| found == line), "{}", ran.err);
    assert!(
        ran.out.ends_with(
            "failed to load it: picky\nwhat was replaced runs there until the deployment window passes: \
             \"polywire plugin rollback\" deploys it again\n"
        ),
        "{}",
        ran.out
    );
    let status = world.run(&format!("status --trust {}", world.public));
    let error = format!("{}: init: no such \u{fffd}[2Jdatabase", short(&new));
    assert!(words(&status.out).contains(&error), "{}", status.out);

    world.write("rollback");
    let again = world.run(&format!("deploy 1.4.0 --wait {LONG}"));
    assert_eq!(again.code, Some(0), "{again:?}");
    consumer.leave();
}

#[test]
fn without_consumers_it_ends_with_the_window() {
    let (world, _) = World::deployed("1.4.0");
    let ran = world.run("deploy 1.4.0 --wait --window 1s --grace 0s --key publisher.key");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(
        ran.out.ends_with(
            "no consumer acknowledges: there is none, or they may only read\n\
            the deployment window has passed: no consumer lets calls into what was replaced\n"
        ),
        "{}",
        ran.out
    );
}

#[test]
fn changes_are_told_while_it_waits() {
    let (world, old) = World::deployed("1.4.0");
    let new = world.published("1.5.0");
    let id = world.look("status")["repository"].clone();
    let id: RepositoryId = id.as_str().unwrap().parse().unwrap();
    let acknowledging = |instance: &str| {
        let mut ack = Ack::new(id.clone(), world.plugin(), instance.parse().unwrap());
        ack.window_ms = 1000;
        ack.running.insert(1, old.clone());
        ack
    };
    let path = |ack: &Ack| {
        let acks = world.repository().join("acks/orders");
        acks.join(format!("{}.json", ack.instance))
    };
    // As a consumer writes it: as a whole.
    let write = |ack: &Ack| {
        let draft = path(ack).with_extension("tmp");
        std::fs::write(&draft, ack.to_bytes().unwrap()).unwrap();
        std::fs::rename(draft, path(ack)).unwrap();
    };
    let (guest, mut ack) = (acknowledging("guest"), acknowledging("host"));
    write(&guest);
    write(&ack);
    let waiting = Running::start(world.command(&format!("deploy 1.5.0 --wait {LONG}")));
    let runs = |release| format!("runs {} for major 1", short(release));
    for instance in ["guest", "host"] {
        let line = format!("{instance}: not heard since the deployment; {}", runs(&old));
        assert_eq!(waiting.err(), line);
    }
    std::fs::remove_file(path(&guest)).unwrap();
    assert_eq!(waiting.err(), "guest: has left");
    ack.beat += 1;
    write(&ack);
    assert_eq!(
        waiting.err(),
        format!("host: does not follow yet; {}", runs(&old))
    );
    // That what ran before had failed is no reason to give up.
    ack.error = Some(AckError::new(Some(old.clone()), "bake", "it panicked"));
    ack.seq_seen = 2;
    write(&ack);
    assert_eq!(
        waiting.err(),
        format!("host: failed in bake: it panicked; {}", runs(&old))
    );
    ack.error = None;
    ack.running.insert(1, new.clone());
    ack.draining.insert(old.clone());
    write(&ack);
    assert_eq!(
        waiting.err(),
        format!(
            "host: does not follow yet; {}, ends {}",
            runs(&new),
            short(&old)
        )
    );
    ack.draining.clear();
    write(&ack);
    let Ran { code, out, err } = waiting.finish();
    assert_eq!(
        (code, err),
        (Some(0), format!("host: follows; {}\n", runs(&new)))
    );
    assert!(out.ends_with("follow: host\n"), "{out}");
}
