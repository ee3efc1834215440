//! Who gets what is published.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use polywire_webhook::server::Server;

use crate::world::{SOON, World, at, copies, keyring, names, post, sender, sqlite, start, wish};

pub(crate) async fn reaches_who_subscribed_on_its_track(world: &World) {
    let old = world
        .subscribe(|body| body["order"] = json!("by-key"))
        .await["id"]
        .clone();
    let new = world.subscribe(|body| body["version"] = json!("^2")).await["id"].clone();
    let pinned = world.subscribe(|body| body["float"] = json!("none")).await["id"].clone();
    let other = world
        .subscribe(|body| {
            body["version"] = json!("^2");
            body["events"] = json!(["returned"]);
        })
        .await["id"]
        .clone();
    let pending = world
        .ask(post("").body(&wish("http://127.0.0.1:1/")))
        .await
        .json["id"]
        .clone();
    world.publish(&["1.4.0", "2.1.0"], "evt.1").await;
    // A later minor reaches who pinned an earlier one as well.
    world.publish(&["1.5.0", "2.1.0"], "evt-2").await;

    let rendered = world.rendered(&old).await;
    assert_eq!(names(&rendered)[1], "evt-2-v1");
    let first = &rendered[0];
    assert!(
        first.webhook_id.ends_with("-v1") && !first.webhook_id.contains('.'),
        "{first:?}"
    );
    assert_eq!((first.message_id.as_str(), first.sequence), ("evt.1", 1));
    assert_eq!(first.version.to_string(), "1.4.0");
    assert_eq!(first.key.as_deref(), Some("o-9"));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        first.headers,
        [
            header("content-type", "application/cloudevents+json"),
            header("contract-version", "1.4.0")
        ]
    );
    let event: Value = serde_json::from_slice(first.body.as_ref().unwrap()).unwrap();
    assert_eq!(event["sequence"], "1");
    assert_eq!(event["id"], "evt.1");
    assert_eq!(event["type"], "orders.v1.shipped");
    assert_eq!(event["time"], "2026-11-23T06:00:00Z");
    assert_eq!(event["data"], json!({ "order": "1.4.0" }));
    assert_eq!(rendered[1].version.to_string(), "1.5.0");

    let rendered = world.rendered(&new).await;
    assert_eq!(names(&rendered)[1], "evt-2-v2");
    assert_eq!(
        (rendered.len(), rendered[0].version.to_string().as_str()),
        (2, "2.1.0")
    );
    assert_eq!(rendered[0].key, None, "it asked for no order");
    assert_eq!(world.rendered(&pinned).await.len(), 2);
    assert_eq!(world.rendered(&other).await.len(), 0, "it has other events");
    assert_eq!(
        world.rendered(&pending).await.len(),
        0,
        "its sink has not consented"
    );

    // Publishing again is safe, even when it is rendered anew.
    world.clock.advance(Duration::from_secs(5));
    world.publish(&["1.4.0", "2.1.0"], "evt.1").await;
    assert_eq!(world.rendered(&old).await.len(), 2);
}

pub(crate) async fn keeps_what_was_published_lately(world: &World) {
    for number in 1..=3 {
        world
            .publish(&["1.4.0", "2.1.0"], &format!("evt-{number}"))
            .await;
        world.clock.advance(Duration::from_secs(60));
    }
    let since = start() + Duration::from_secs(60);
    let id = world.subscribe(|body| body["since"] = json!(since)).await["id"].clone();
    world.publish(&["1.4.0", "2.1.0"], "evt-4").await;
    let rendered = world.rendered(&id).await;
    assert_eq!(names(&rendered), ["evt-2-v1", "evt-3-v1", "evt-4-v1"]);
    let sequences: Vec<_> = rendered.iter().map(|one| one.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
    let event: Value = serde_json::from_slice(rendered[0].body.as_ref().unwrap()).unwrap();
    assert_eq!(
        event["time"], "2026-11-23T06:01:00Z",
        "when it was published"
    );
    let none = world.subscribe(|_| {}).await["id"].clone();
    assert_eq!(
        world.rendered(&none).await.len(),
        0,
        "it did not ask for earlier ones"
    );
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    let world = sqlite().await;
    let options = polywire_webhook::server::ServerOptions {
        recent: 2,
        ..world.options()
    };
    let server = world.again(options).await;
    for number in 1..=5 {
        for message in copies(&["1.4.0"], &format!("evt-{number}")) {
            server.publisher().publish(message).await.unwrap();
        }
    }
    let mut body = wish(&world.sink.url);
    body["since"] = json!(start());
    let told = post("").body(&body).wait().of(&server).await;
    let rendered = world.rendered(&told.json["id"]).await;
    assert_eq!(names(&rendered), ["evt-4-v1", "evt-5-v1"]);
    server.close().await;
    world.close().await;
}

pub(crate) async fn is_known_to_another_process_soon(world: &World) {
    let store = world.another_store().await;
    let server = Server::start(store.clone(), keyring(), sender(), world.options());
    let other = server.await.unwrap();
    other.serve(crate::world::orders());
    let publish = async |name: &str| {
        for message in copies(&["1.4.0"], name) {
            other.publisher().publish(message).await.unwrap();
        }
    };
    let id = world.subscribe(|_| {}).await["id"].clone();
    let seen = async {
        for number in 0.. {
            publish(&format!("evt-{number}")).await;
            if !world.rendered(&id).await.is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, seen).await.expect("the poll finds it");
    let told = world.ask(crate::world::ask("DELETE", &at(&id))).await;
    assert_eq!(told.status, 204);
    // What is gone is passed over by whoever has not heard of it yet.
    publish("after").await;
    other.close().await;
    store.close().await;
}

#[tokio::test]
async fn more_than_a_batch_of_subscribers_get_it() {
    let world = sqlite().await;
    let first = world.subscribe(|_| {}).await["id"].clone();
    let terms = world.record(&first).await.terms;
    let mut ids = Vec::new();
    for _ in 0..1500 {
        let id = polywire_webhook::record::SubscriptionId::random();
        world.store.create(&id, terms.clone()).await.unwrap();
        ids.push(id);
    }
    let server = world.again(world.options()).await;
    for message in copies(&["1.4.0"], "evt-1") {
        server.publisher().publish(message).await.unwrap();
    }
    for id in &ids {
        assert_eq!(world.store.last_sequence(id).await.unwrap(), Some(1));
    }
    server.close().await;
    world.close().await;
}

#[tokio::test]
async fn a_message_without_a_stamp_is_refused() {
    let world = sqlite().await;
    let mut message = copies(&["1.4.0"], "evt-1").remove(0);
    message.head.stamp = None;
    let error = world.server.publisher().publish(message).await.unwrap_err();
    assert_eq!(
        error.message(),
        "event shipped has no stamp: publish it through a publisher of its contract"
    );
    world.close().await;
}
