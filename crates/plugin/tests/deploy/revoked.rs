//! Releases that must not run any more.

use std::fs;

use polywire_core::{Dispatched, ErrorKind, Health, Kind};

use crate::consumer::{Consumer, message};
use crate::world::{Build, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_a_revoked_release_are_refused_and_the_answer_of_one_under_way_is_dropped() {
    let world = World::new();
    let release = world.publish(&Build::new("1.2.0", "1.2.0").with("CONCURRENT"));
    world.deploy(&release);
    let consumer = Consumer::new(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    let waits = message(Kind::Operation, "^1", "wait", b"");
    let under_way = consumer.under_way(&world, waits).await;
    let plugin = &world.repository().plugin;
    world.publisher().revoke(plugin, &release).unwrap();
    let why = "release 1.2.0 was revoked, and no release of plugin greeter is deployed for major 1";
    consumer
        .until_health(|health| *health == Health::Degraded(why.to_owned()))
        .await;
    let error = consumer.greet("^1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.dispatched(), Dispatched::No);
    let text = format!("no plugin serves greeter.greet: {why}");
    assert_eq!(error.message(), text);
    // What runs is not stopped. It ends by itself, and what it says does not count.
    assert!(!under_way.is_finished());
    fs::write(world.path("hold"), "").unwrap();
    let error = under_way.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(error.dispatched(), Dispatched::Maybe);
    let ack = consumer
        .acknowledged(&world, "nothing", |ack| ack.unmapped == 1)
        .await;
    assert!(ack.running.is_empty() && ack.draining.is_empty());
    // Another one takes its place.
    world.release("1.2.1", "1.2.0");
    consumer.until_greeted("^1", "1.2.0", "1.2.1").await;
    consumer
        .until_health(|health| *health == Health::Ready)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_release_before_a_revoked_one_serves_again() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let consumer = Consumer::new(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    let bad = world.release("1.3.0", "1.3.0");
    consumer.until_greeted("^1", "1.3.0", "1.3.0").await;
    let plugin = &world.repository().plugin;
    world.publisher().revoke(plugin, &bad).unwrap();
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    consumer
        .until_health(|health| *health == Health::Ready)
        .await;
    let ack = consumer
        .acknowledged(&world, "the revoked one unmapped", |ack| ack.unmapped == 1)
        .await;
    assert_eq!(ack.running.get(&1).unwrap().version().to_string(), "1.2.0");
}
