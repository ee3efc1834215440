//! When a provider drops a major.

use std::time::Duration;

use polywire_webhook::record::{Fate, Settlement};
use polywire_webhook::store::{LeaseAsk, Of};
use serde_json::json;

use crate::world::{DAY, HOUR, World, at, get, post, serving, sqlite};

/// What a worker gets, in its order, and accepts.
async fn drain(world: &World) -> Vec<String> {
    let mut drained = Vec::new();
    loop {
        let ask = LeaseAsk {
            limit: 1,
            per_subscription: 1,
            lease: Duration::from_secs(60),
            of: Of::all(),
        };
        let leased = world.store.lease(&ask).await.unwrap().deliveries;
        let Some(leased) = leased.into_iter().next() else {
            return drained;
        };
        drained.push(leased.delivery.webhook_id);
        let done = Settlement {
            claim: leased.claim,
            fate: Fate::Done,
            attempt: None,
        };
        assert_eq!(world.store.settle(vec![done]).await.unwrap(), [true]);
    }
}

pub(crate) async fn pauses_upgrades_and_drains_in_order(world: &World) {
    let id = world
        .subscribe(|body| body["order"] = json!("by-key"))
        .await["id"]
        .clone();
    world.publish(&["1.4.0", "2.1.0"], "evt-1").await;
    // Notice: every answer says so long before.
    let told = world.get(&id).await;
    assert_eq!(told.header("deprecation"), "@1793491200");
    assert_eq!(told.header("sunset"), "Fri, 01 Jan 2027 00:00:00 GMT");
    world.clock.advance(9 * DAY + HOUR);
    world.server.tend().await.unwrap();
    let renew = post(&format!("{}/lease", at(&id))).body(&json!({ "lease_seconds": 30 * 86_400 }));
    assert_eq!(
        world.ask(renew).await.json["lease_expires_at"],
        "2027-01-01T00:00:00Z"
    );
    assert_eq!(world.get(&id).await.json["state"], "active");
    world.clock.advance(30 * DAY);
    // Its day has come: the lease ended with the version, and is not what decides.
    world.server.tend().await.unwrap();
    let told = world.get(&id).await;
    assert_eq!(
        (&told.json["state"], &told.json["reason"]),
        (&json!("paused"), &json!("version-retired"))
    );
    assert_eq!(
        (&told.json["upgrade"]["phase"], &told.json["upgrade"]["to"]),
        (&json!("kept"), &json!("2.1.0"))
    );
    assert_eq!(
        world.notices.codes().last(),
        Some(&"subscription.version-retired")
    );
    assert!(drain(world).await.is_empty(), "nothing is delivered");

    // Even a provider that no longer publishes the old one keeps events.
    world.server.serve(serving(&["2.1.0", "3.0.0"]));
    for name in ["evt-2", "evt-3"] {
        world.publish(&["2.1.0", "3.0.0"], name).await;
    }
    let told = world.ask(post(&format!("{}/resume", at(&id)))).await;
    assert_eq!(
        told.refusal(),
        (
            409,
            "version-retired",
            "version 1.4.0 is retired: upgrade to one that is served"
        )
    );
    let upgrade = |version: &str| {
        let body = json!({ "version": version, "strategy": "now" });
        world.ask(post(&format!("{}/upgrade", at(&id))).body(&body).wait())
    };
    let told = upgrade("^3").await;
    assert_eq!(
        told.refusal(),
        (
            409,
            "kept-for-another-version",
            "events are kept for v2, not for 3.0.0: upgrade to ^2.1.0 first"
        )
    );
    let told = upgrade("^2").await;
    assert_eq!(
        (told.status, &told.json["state"], &told.json["version"]),
        (202, &json!("active"), &json!("2.1.0")),
        "{}",
        told.json
    );
    assert!(told.json["upgrade"].is_null());
    assert_eq!(told.json["requested"], "^2");
    world.publish(&["2.1.0", "3.0.0"], "evt-4").await;
    assert_eq!(
        drain(world).await,
        ["evt-1-v1", "evt-2-v2", "evt-3-v2", "evt-4-v2"]
    );
    let fetched = world.ask(get(&format!("{}/deliveries", at(&id)))).await;
    assert_eq!(fetched.json["deliveries"].as_array().unwrap().len(), 4);
}

/// Subscribes, lets the version's day come, and gives the document of then.
async fn after_the_sunset(on_sunset: &str, version: &str) -> (World, serde_json::Value) {
    let world = sqlite().await;
    let created = world
        .subscribe(|body| {
            body["version"] = json!(version);
            body["on_sunset"] = json!(on_sunset);
            body["lease_seconds"] = json!(30 * 86_400);
        })
        .await;
    let id = created["id"].clone();
    assert_eq!(created["version"], "1.4.0");
    world.clock.advance(29 * DAY);
    let renew = post(&format!("{}/lease", at(&id))).body(&json!({ "lease_seconds": 30 * 86_400 }));
    assert_eq!(world.ask(renew).await.status, 200);
    world.clock.advance(10 * DAY);
    world.server.tend().await.unwrap();
    let document = world.get(&id).await.json;
    (world, document)
}

#[tokio::test]
async fn it_goes_on_by_itself_where_its_range_takes_the_next() {
    let (world, document) = after_the_sunset("upgrade", "^1.4; ^2").await;
    assert_eq!(
        (&document["state"], &document["version"]),
        (&json!("active"), &json!("2.1.0"))
    );
    assert_eq!(world.notices.codes().last(), Some(&"subscription.upgraded"));
    world.close().await;
}

#[tokio::test]
async fn it_never_falls_forward_silently() {
    let (world, document) = after_the_sunset("upgrade", "^1.4").await;
    assert_eq!(
        (&document["state"], &document["version"]),
        (&json!("paused"), &json!("1.4.0"))
    );
    world.close().await;
}

#[tokio::test]
async fn it_ends_where_it_said_so() {
    let (world, document) = after_the_sunset("expire", "^1.4").await;
    assert_eq!(document["state"], "expired");
    let told = world
        .ask(post(&format!("{}/lease", at(&document["id"]))))
        .await;
    assert_eq!(
        told.refusal(),
        (
            410,
            "subscription-over",
            "the subscription is expired: create another one"
        )
    );
    world.publish(&["1.4.0", "2.1.0"], "evt-1").await;
    assert!(world.rendered(&document["id"]).await.is_empty());
    world.close().await;
}

#[tokio::test]
async fn a_replica_that_does_not_know_a_newer_major_leaves_it_alone() {
    let world = sqlite().await;
    let id = world.subscribe(|body| body["version"] = json!("^2")).await["id"].clone();
    world.server.serve(serving(&["1.4.0"]));
    world.server.tend().await.unwrap();
    assert_eq!(world.get(&id).await.json["state"], "active");
    world.server.serve(serving(&["3.0.0"]));
    world.server.tend().await.unwrap();
    assert_eq!(world.get(&id).await.json["reason"], "version-retired");
    world.close().await;
}

#[tokio::test]
async fn nobody_comes_to_what_is_retired_and_nobody_goes_back_to_it() {
    let world = sqlite().await;
    let id = world.subscribe(|_| {}).await["id"].clone();
    let upgrade = json!({ "version": "^2", "strategy": "now" });
    let path = |rest: &str| format!("{}/upgrade{rest}", at(&id));
    let told = world.ask(post(&path("")).body(&upgrade).wait()).await;
    assert_eq!(told.json["version"], "2.1.0");
    world.server.serve(serving(&["2.1.0"]));
    let told = world.ask(post(&path("/rollback"))).await;
    assert_eq!(
        told.refusal(),
        (
            409,
            "version-retired",
            "version 1.4.0 is retired: upgrade to one that is served"
        )
    );
    assert_eq!(world.get(&id).await.json["version"], "2.1.0");

    world.server.serve(crate::world::orders());
    world.clock.advance(40 * DAY);
    let told = world
        .ask(post("").body(&crate::world::wish(&world.sink.url)))
        .await;
    assert_eq!(told.status, 406, "its sunset has passed: {}", told.json);
    assert_eq!(told.json["offered"][0]["why"], "withdrawn", "{}", told.json);
    world.close().await;
}

#[tokio::test]
async fn what_is_kept_for_a_version_that_goes_too_is_kept_for_the_next() {
    let world = sqlite().await;
    let id = world.subscribe(|_| {}).await["id"].clone();
    let tend = async |versions: &[&'static str]| {
        world.server.serve(serving(versions));
        world.server.tend().await.unwrap();
        world.get(&id).await.json["upgrade"]["to"].clone()
    };
    assert_eq!(tend(&["2.1.0"]).await, "2.1.0");
    world.publish(&["2.1.0"], "evt-1").await;
    assert_eq!(
        tend(&["2.1.0", "3.0.0"]).await,
        "2.1.0",
        "it stays where it began"
    );
    assert_eq!(tend(&["3.0.0"]).await, "3.0.0");
    world.publish(&["3.0.0"], "evt-2").await;
    let upgrade = json!({ "version": "^3", "strategy": "now" });
    let told = world
        .ask(post(&format!("{}/upgrade", at(&id))).body(&upgrade).wait())
        .await;
    assert_eq!(told.json["version"], "3.0.0", "{}", told.json);
    assert_eq!(drain(&world).await, ["evt-1-v2", "evt-2-v3"]);
    world.close().await;
}

#[tokio::test]
async fn a_deployment_that_was_undone_is_forgotten_on_demand() {
    let world = sqlite().await;
    let id = world.subscribe(|_| {}).await["id"].clone();
    world.server.serve(serving(&["2.1.0"]));
    world.server.tend().await.unwrap();
    assert_eq!(world.get(&id).await.json["reason"], "version-retired");
    world.server.serve(crate::world::orders());
    world.server.tend().await.unwrap();
    assert_eq!(
        world.get(&id).await.json["reason"],
        "version-retired",
        "not by itself: events may be kept for another"
    );
    let told = world.ask(post(&format!("{}/resume", at(&id)))).await;
    assert_eq!((told.status, &told.json["state"]), (200, &json!("active")));
    world.publish(&["1.4.0", "2.1.0"], "evt-1").await;
    assert_eq!(drain(&world).await, ["evt-1-v1"]);
    world.close().await;
}
