//! Deadlines, callers who give up, and plugins that do not care.

use std::fs;
use std::time::Duration;

use polywire_core::{Channel, Dispatched, Error, ErrorKind, Health, Kind, Message};
use polywire_plugin::PluginConfig;
use tokio::time::Instant;

use crate::consumer::{Consumer, PATIENCE, config, message, until};
use crate::world::{Build, World};

async fn started(build: &Build, workers: usize) -> (World, Consumer) {
    let world = World::new();
    let release = world.publish(build);
    world.deploy(&release);
    let consumer = Consumer::with(PluginConfig {
        workers,
        ..config(&world, "host")
    });
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    (world, consumer)
}

fn build() -> Build {
    Build::new("1.2.0", "1.2.0").with("CONCURRENT")
}

fn waits(deadline: Duration) -> Message {
    let mut message = message(Kind::Operation, "^1", "wait", b"");
    message.head.deadline = Some(Instant::now() + deadline);
    message
}

async fn fails(consumer: &Consumer, message: Message) -> Error {
    consumer.call(message).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_at_its_deadline_and_the_plugin_hears_of_it() {
    let (world, consumer) = started(&build(), 256).await;
    let mut deadline = Duration::from_millis(200);
    // On a machine that is busy a call may not get there in time.
    let error = loop {
        let begun = Instant::now();
        let error = fails(&consumer, waits(deadline)).await;
        assert!(begun.elapsed() >= deadline);
        if !world.lines("marks").is_empty() {
            break error;
        }
        deadline *= 2;
    };
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    assert_eq!(
        error.message(),
        "the deadline of greeter.wait has passed, and the plugin is still running"
    );
    assert_eq!(error.dispatched(), Dispatched::Yes);
    let given_up = || (world.lines("seen").len() == world.lines("marks").len()).then_some(());
    until("the plugin to notice", given_up).await;
    // One whose time is up before does not get there.
    let error = fails(&consumer, waits(Duration::ZERO)).await;
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    assert_eq!(
        error.message(),
        "the deadline of greeter.wait has passed, before the plugin was called"
    );
    assert_eq!(error.dispatched(), Dispatched::No);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_is_given_up() {
    let (world, consumer) = started(&build(), 256).await;
    let caller = consumer.under_way(&world, waits(PATIENCE)).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    let given_up = || (world.lines("seen") == ["given up"]).then_some(());
    until("the plugin to notice", given_up).await;
    consumer
        .until_health(|health| *health == Health::Ready)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_calls_that_do_not_end_are_bad_health_until_they_do() {
    /// As many as a host bears.
    const STUCK: usize = 8;
    let (world, consumer) = started(&build().with("DEAF"), 256).await;
    for _ in 0..STUCK {
        assert_eq!(consumer.channel.health(), Health::Ready);
        let caller = consumer.under_way(&world, waits(PATIENCE)).await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
    }
    let text = "8 calls of major 1 were given up and still run in the plugin";
    consumer
        .until_health(|health| *health == Health::Degraded(text.to_owned()))
        .await;
    // It serves nevertheless.
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    fs::write(world.path("hold"), "").unwrap();
    consumer
        .until_health(|health| *health == Health::Ready)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_finds_no_worker_waits_until_its_deadline() {
    let (world, consumer) = started(&build(), 1).await;
    let first = consumer.under_way(&world, waits(PATIENCE)).await;
    let mut second = message(Kind::Operation, "^1", "greet", b"");
    second.head.deadline = Some(Instant::now() + Duration::from_millis(200));
    let error = fails(&consumer, second).await;
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
    assert_eq!(
        error.message(),
        "greeter.greet runs its 1 calls already: retry later, or raise workers"
    );
    assert_eq!(error.dispatched(), Dispatched::No);
    // One with more time comes to its turn.
    let channel = consumer.channel.clone();
    let third = tokio::spawn(async move {
        let greets = message(Kind::Operation, "^1", "greet", b"");
        crate::consumer::call(&channel, greets).await
    });
    fs::write(world.path("hold"), "").unwrap();
    assert_eq!(first.await.unwrap().unwrap().1, "\"held\"");
    assert_eq!(third.await.unwrap().unwrap().1, "\"1.2.0\"");
}
