//! A release takes over from another one under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use polywire_contract::{Name, Requirement};
use polywire_core::{Channel, ErrorKind, Health, Subscription};

use crate::consumer::{Consumer, config, until};
use crate::world::{Build, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_call_loads_what_is_deployed_and_it_is_acknowledged() {
    let world = World::new();
    let release = world.release("1.2.0", "1.2.0");
    let consumer = Consumer::new(&world);
    assert!(world.started().is_empty());
    let answer = consumer.greet("^1.2").await.unwrap();
    assert_eq!(answer, ("1.2.0".to_owned(), "\"1.2.0\"".to_owned()));
    assert_eq!(world.started(), ["1.2.0"]);
    let runs = |ack: &polywire_plugin::format::Ack| ack.running.get(&1) == Some(&release);
    let ack = consumer.acknowledged(&world, "the release", runs).await;
    assert_eq!((ack.seq_seen, ack.window_ms), (1, 60_000));
    assert!(ack.error.is_none() && ack.rollback_wanted.is_none() && ack.draining.is_empty());
    assert_eq!(consumer.channel.health(), Health::Ready);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_under_callers_fails_no_call_and_the_old_release_is_unmapped() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let consumer = Arc::new(Consumer::with(polywire_plugin::PluginConfig {
        bake: Duration::from_millis(1),
        ..config(&world, "host")
    }));
    consumer.until_greeted("^1.2", "1.2.0", "1.2.0").await;
    let ends = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (consumer, ends) = (consumer.clone(), ends.clone());
            tokio::spawn(async move {
                let (mut answers, mut count) = (Vec::new(), 0_u32);
                while !ends.load(Ordering::SeqCst) {
                    let answer = consumer.greet("^1.2").await.unwrap();
                    count += 1;
                    if answers.last() != Some(&answer) {
                        answers.push(answer);
                    }
                }
                (answers, count)
            })
        })
        .collect();
    let release = world.release("7.0.0", "1.3.0");
    let gone = |ack: &polywire_plugin::format::Ack| {
        ack.running.get(&1) == Some(&release) && ack.unmapped == 1
    };
    let ack = consumer.acknowledged(&world, "an old release", gone).await;
    assert_eq!((ack.retired, ack.draining.len()), (0, 0));
    ends.store(true, Ordering::SeqCst);
    let text = |version: &str, release: &str| (version.to_owned(), format!("\"{release}\""));
    for caller in callers {
        let (answers, count) = caller.await.unwrap();
        assert!(count > 0);
        // The old one first, then the new one, and never back.
        let wanted = [text("1.2.0", "1.2.0"), text("1.3.0", "7.0.0")];
        assert!(
            answers.ends_with(&wanted[1..]) && wanted.ends_with(&answers),
            "{answers:?}"
        );
    }
    assert_eq!(world.started(), ["1.2.0", "7.0.0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_that_come_and_go_within_the_bake_time_are_all_taken() {
    let world = World::new();
    let first = world.release("1.0.0", "1.2.0");
    let second = world.publish(&Build::new("1.0.1", "1.2.0"));
    let consumer = Consumer::new(&world);
    consumer.until_greeted("^1.2", "1.2.0", "1.0.0").await;
    for _ in 0..4 {
        world.deploy(&second);
        consumer.until_greeted("^1.2", "1.2.0", "1.0.1").await;
        world.deploy(&first);
        consumer.until_greeted("^1.2", "1.2.0", "1.0.0").await;
    }
    // What was replaced a moment ago was still there.
    assert_eq!(world.started(), ["1.0.0", "1.0.1"]);
    // It is kept, and runs no call.
    let running = |ack: &polywire_plugin::format::Ack| {
        ack.running.get(&1) == Some(&first) && ack.draining.is_empty()
    };
    let ack = consumer.acknowledged(&world, "one release", running).await;
    assert_eq!((ack.error, ack.unmapped), (None, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_below_what_is_served_is_refused_and_nothing_of_it_is_executed() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let consumer = Consumer::new(&world);
    // The one who asks for more comes later, when the release is there already.
    consumer.until_greeted("^1.0", "1.2.0", "1.2.0").await;
    consumer.until_greeted("^1.2", "1.2.0", "1.2.0").await;
    let lower = world.release("2.0.0", "1.1.0");
    let (code, health) = consumer.refuses(&world, &lower).await;
    assert_eq!(code, "no-match");
    assert_eq!(
        health,
        "release 2.0.0: consumers that are served need more: no version of contract \"greeter\" satisfies ^1.2: the provider offers \
         1.1.0 (too old); upgrade the provider to 1.2.0 or require ^1.1"
    );
    for require in ["^1.0", "^1.2"] {
        let (version, body) = consumer.greet(require).await.unwrap();
        assert_eq!((version.as_str(), body.as_str()), ("1.2.0", "\"1.2.0\""));
    }
    assert_eq!(world.started(), ["1.2.0"]);
    // A better one is taken, and all is well.
    world.release("3.0.0", "1.3.0");
    consumer.until_greeted("^1.2", "1.3.0", "3.0.0").await;
    consumer
        .acknowledged(&world, "no error", |ack| ack.error.is_none())
        .await;
    consumer
        .until_health(|health| *health == Health::Ready)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_come_before_anything_is_deployed_run_when_it_is() {
    let world = World::new();
    let consumer = Consumer::new(&world);
    consumer.send("^1.2", "early").await;
    assert_eq!(
        consumer.greet("^1.2").await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    world.release("1.2.0", "1.2.0");
    // Nobody calls: the command itself has it loaded.
    until("the command", || {
        (world.lines("marks") == ["early"]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_comes_before_anything_is_deployed_has_it_loaded() {
    let world = World::new();
    let consumer = Consumer::new(&world);
    let contract = Name::from_static("greeter");
    let subscription = Subscription {
        requirement: Requirement::parse_list(contract.clone(), "^1.2").unwrap(),
        contract,
        // The host does not know what is an event.
        event: Name::from_static("mark"),
        group: None,
        prefetch: 1,
        token: None,
    };
    let _deliveries = consumer.channel.subscribe(subscription).await.unwrap();
    world.release("1.2.0", "1.2.0");
    until("the release", || {
        (world.started() == ["1.2.0"]).then_some(())
    })
    .await;
}
