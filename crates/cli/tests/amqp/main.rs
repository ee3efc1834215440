//! `polywire amqp` against a real broker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod shop;

use std::future::Future;
use std::sync::atomic::Ordering;

use polywire::core::MessageId;
use serde_json::{Value, json};
use tokio::time::timeout;

use shop::{
    Cancel, Folder, OrdersClient, OrdersPublisher, OrdersServer, Provider, Ran, SOON, Shipped,
};

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(SOON, what).await.unwrap()
}

fn id(letter: &Value) -> String {
    letter["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_commands_are_listed_replayed_and_dropped() {
    let folder = Folder::new();
    let (provider, mut cancelled) = Provider::new();
    let accepts = provider.accepts.clone();
    let wire = folder.wire();
    soon(wire.provide("orders", OrdersServer::new(provider)))
        .await
        .unwrap();
    let orders: OrdersClient = wire.connect("orders").await.unwrap();
    for order in ["a", "b", "c"] {
        let command = Cancel {
            order: order.to_owned(),
        };
        soon(orders.cancel(command)).await.unwrap();
    }

    let letters = folder.listed("dead list orders", 3).await;
    let mut found: Vec<_> = letters.iter().map(|letter| &letter["data"]).collect();
    found.sort_by_key(ToString::to_string);
    assert_eq!(
        found,
        [
            &json!({"order": "a"}),
            &json!({"order": "b"}),
            &json!({"order": "c"})
        ]
    );
    let first = &letters[0];
    for (member, value) in [
        ("group", "commands.cancel"),
        ("interaction", "cancel"),
        ("kind", "command"),
        ("require", "^1.2"),
        ("reason", "application error already_shipped"),
        ("content_type", "application/json"),
    ] {
        assert_eq!(first[member], value, "{member}");
    }
    assert_eq!(first["attempts"], 1);
    assert!(first["at"].as_str().unwrap().ends_with('Z'), "{first}");
    let table = folder.run("dead list orders --command cancel").await;
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", table.out);
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["id", "group", "message", "version", "attempts", "at", "why"]
    );
    assert!(
        lines[1].contains("  commands.cancel  orders.cancel  ^1.2  "),
        "{}",
        table.out
    );
    assert_eq!(
        folder
            .listed("dead list orders --command other", 0)
            .await
            .len(),
        0
    );
    assert_eq!(folder.listed("parked list orders", 0).await.len(), 0);

    accepts.store(true, Ordering::SeqCst);
    let replay = format!("dead replay orders --command cancel {}", id(first));
    assert_eq!(folder.run(&replay).await, Ran::good("replayed 1\n"));
    assert_eq!(
        soon(cancelled.recv()).await.as_deref(),
        first["data"]["order"].as_str()
    );
    let again = folder.run(&replay).await;
    assert_eq!(
        again,
        Ran::bad(
            "replayed 0\n",
            &format!("{}: not on the dead shelf\n", id(first))
        )
    );

    let dropped = folder.run("dead drop orders --all --format json").await;
    let outcome: Value = serde_json::from_str(&dropped.out).unwrap();
    let mut expected = [id(&letters[1]), id(&letters[2])];
    let mut done: Vec<String> = serde_json::from_value(outcome["done"].clone()).unwrap();
    expected.sort();
    done.sort();
    assert_eq!((dropped.code, done), (Some(0), expected.to_vec()));
    folder.listed("dead list orders", 0).await;
    assert!(cancelled.try_recv().is_err());
    soon(wire.run_until(std::future::ready(()))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_and_parked_events_of_a_group_are_listed_replayed_and_dropped() {
    let folder = Folder::new();
    // Too new for what will be published; no provider is there yet that could refuse.
    let ahead = folder.wire_requiring("^1.9");
    let early: OrdersClient = ahead.connect("orders").await.unwrap();
    let mut waiting = soon(early.shipped("ahead")).await.unwrap();
    let parking = tokio::spawn(async move { waiting.next().await.is_some() });

    let wire = folder.wire();
    let (provider, _cancelled) = Provider::new();
    let provided = soon(wire.provide("orders", OrdersServer::new(provider)))
        .await
        .unwrap();
    let publisher: OrdersPublisher = provided.publisher().unwrap();
    let orders: OrdersClient = wire.connect("orders").await.unwrap();
    let mut billing = soon(orders.shipped("billing")).await.unwrap();
    let event = Shipped {
        order: "a".to_owned(),
    };
    soon(publisher.shipped(&event)).await.unwrap();
    let delivery = soon(billing.next()).await.unwrap();
    soon(delivery.reject("no such customer")).await.unwrap();

    let of_billing = "orders --event shipped --group billing";
    let dead = folder.listed(&format!("dead list {of_billing}"), 1).await;
    for (member, value) in [
        ("group", "billing"),
        ("interaction", "shipped"),
        ("kind", "event"),
        ("version", "1.4.0"),
        ("reason", "no such customer"),
    ] {
        assert_eq!(dead[0][member], value, "{member}");
    }
    let replay = format!("dead replay {of_billing} {}", id(&dead[0]));
    assert_eq!(folder.run(&replay).await, Ran::good("replayed 1\n"));
    let delivery = soon(billing.next()).await.unwrap();
    assert_eq!(delivery.event.order, "a");
    assert_eq!(delivery.head().attempt, 1);
    assert_eq!(delivery.head().id.to_string(), id(&dead[0]));
    soon(delivery.ack()).await.unwrap();

    // The same event, parked for the group that is ahead. What that requires is part of its shelf's name.
    let of_ahead = "orders --event shipped --group ahead --require ^1.9";
    let parked = folder.listed(&format!("parked list {of_ahead}"), 1).await;
    assert_eq!(id(&parked[0]), id(&dead[0]));
    let reason = parked[0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("1.4.0") && reason.contains("^1.9"),
        "{reason}"
    );
    let dropped = folder.run(&format!("parked drop {of_ahead} --all")).await;
    assert_eq!(dropped, Ran::good("dropped 1\n"));
    folder.listed(&format!("parked list {of_ahead}"), 0).await;
    parking.abort();
    soon(wire.run_until(std::future::ready(()))).await.unwrap();
    soon(ahead.run_until(std::future::ready(()))).await.unwrap();
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told() {
    let folder = Folder::new();
    let some = MessageId::random();
    for (arguments, error) in [
        (
            "dead list ordres",
            "polywire.toml: no channel \"ordres\": valid: local, orders\n",
        ),
        (
            "dead list local",
            "channel \"local\" is on a transport of type \"memory\": a broker keeps messages of type \"amqp\" aside\n",
        ),
        (
            &format!("dead replay orders {some}"),
            "an id is unique among the messages of one command: add --command, or --event and --group\n",
        ),
    ] {
        assert_eq!(folder.run(arguments).await, Ran::bad("", error));
    }
    let ran = folder
        .run("dead list orders --event shipped --require 1.2")
        .await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.starts_with("requirement \"1.2\": "), "{}", ran.err);
    for arguments in [
        "dead",
        "dead drop orders",
        "dead drop orders --all some",
        "dead list orders --group billing",
    ] {
        let ran = folder.run(arguments).await;
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (Some(2), ""),
            "{arguments}: {ran:?}"
        );
    }
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_told_with_its_address_and_without_its_password() {
    let folder = Folder::new();
    let config = "[channel.orders]\ntransport = \"amqp\"\n\
        [transport.amqp]\nurl = \"amqp://guest:hunter2@127.0.0.1:1/%2f\"\nconnect_timeout = \"500ms\"\n";
    std::fs::write(folder.path().join("polywire.toml"), config).unwrap();
    let ran = folder.run("dead list orders").await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("127.0.0.1:1"), "{}", ran.err);
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
}
