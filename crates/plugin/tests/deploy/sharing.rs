//! Who shares what in one process, and what stays of it.

use std::fs;

use polywire_contract::{Name, Requirement};
use polywire_core::{Channel, ErrorKind, Health, Kind, Transport};
use polywire_plugin::PluginConfig;

use tokio::time::timeout;

use crate::consumer::{Consumer, PATIENCE, call, config, message, until};
use crate::support::names;
use crate::world::{Build, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_of_one_transport_share_what_is_loaded() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let consumer = Consumer::new(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    let other = consumer.transport().open();
    let greets = || message(Kind::Operation, "^1", "greet", b"");
    call(&other, greets()).await.unwrap();
    assert_eq!(world.started(), ["1.2.0"]);
    // The end of one is not the end of the other.
    consumer.channel.close().await.unwrap();
    assert_eq!(
        consumer.greet("^1").await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    call(&other, greets()).await.unwrap();
    assert_eq!(other.health(), Health::Ready);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transports_of_one_process_have_a_copy_each() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let consumers = ["one", "two"].map(|name| Consumer::with(config(&world, name)));
    for consumer in &consumers {
        consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    }
    assert_eq!(world.started(), ["1.2.0", "1.2.0"]);
    let kept = names(&world.path("state/libraries"));
    assert!(kept.len() == 1 && kept[0].ends_with(".so"), "{kept:?}");
    world.release("1.3.0", "1.3.0");
    for consumer in &consumers {
        consumer.until_greeted("^1", "1.3.0", "1.3.0").await;
    }
    // One goes, and the other stays.
    let [one, two] = consumers;
    one.close().await;
    two.until_greeted("^1", "1.3.0", "1.3.0").await;
    assert_eq!(world.ack("one"), None);
    assert!(world.ack("two").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contracts_of_one_plugin_are_kept_and_acknowledged_each_on_its_own() {
    let world = World::new();
    let release = world.publish(&Build::new("1.2.0", "1.2.0").and_of("cashier", "1.7.0"));
    world.deploy(&release);
    let cashier = Name::from_static("cashier");
    let consumer = Consumer::with(PluginConfig {
        plugins: [(cashier.clone(), "greeter".parse().unwrap())].into(),
        ..config(&world, "host")
    });
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    let mut pays = message(Kind::Operation, "^1", "greet", b"");
    pays.head.contract = cashier.clone();
    pays.head.requirement = Some(Requirement::parse_list(cashier, "^1.5").unwrap());
    let answer = consumer.call(pays).await.unwrap();
    assert_eq!(answer, ("1.7.0".to_owned(), "\"1.2.0\"".to_owned()));
    let runs = |instance: &str| {
        let ack = world.ack(instance);
        ack.filter(|ack| ack.running.get(&1) == Some(&release))
    };
    until("one acknowledgement", || runs("host")).await;
    until("the other one", || runs("host.cashier")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transport_that_is_closed_takes_its_acknowledgement_back_and_ends_calls() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let consumer = Consumer::new(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    consumer
        .acknowledged(&world, "a release", |ack| !ack.running.is_empty())
        .await;
    let waits = message(Kind::Operation, "^1", "wait", b"");
    let under_way = consumer.under_way(&world, waits).await;
    consumer.close().await;
    assert_eq!(world.ack("host"), None);
    let error = under_way.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(
        consumer.greet("^1").await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert_eq!(consumer.channel.health(), Health::Closed);
    let late = consumer.transport().open();
    let greets = message(Kind::Operation, "^1", "greet", b"");
    assert_eq!(
        call(&late, greets).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_starts_again_remembers_what_it_has_seen() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let old = fs::read(world.index_file()).unwrap();
    world.release("1.3.0", "1.3.0");
    let before = Consumer::new(&world);
    before.until_greeted("^1", "1.3.0", "1.3.0").await;
    before.close().await;
    world.place(&old);
    let after = Consumer::new(&world);
    let error = after.greet("^1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let key = world.repository().key().id();
    assert_eq!(
        error.message(),
        format!(
            "no plugin serves greeter.greet: the index has seq 1, and 2 by key {key} was seen before: an index never goes back, \
             deploy anew"
        )
    );
    assert_eq!(world.started(), ["1.3.0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_is_done_before_a_transport_is_drained() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let consumer = Consumer::new(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    for _ in 0..20 {
        consumer.send("^1", "taken").await;
    }
    let drained = consumer.transport().drain();
    timeout(PATIENCE, drained).await.unwrap().unwrap();
    assert_eq!(world.lines("marks"), ["taken"; 20]);
    assert_eq!(consumer.channel.health(), Health::Draining);
    assert_eq!(
        consumer.greet("^1").await.unwrap_err().kind(),
        ErrorKind::Closed
    );
}
