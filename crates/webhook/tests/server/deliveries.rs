//! What was rendered: fetched, acknowledged, delivered again.

use std::time::Duration;

use polywire_webhook::record::{Fate, Settlement};
use polywire_webhook::store::{LeaseAsk, Of};
use serde_json::{Value, json};

use crate::world::{World, at, get, post, start};

/// Leases and settles what is due.
async fn settle(world: &World, fate: Fate) -> usize {
    let ask = LeaseAsk {
        limit: 100,
        per_subscription: 100,
        lease: Duration::from_secs(60),
        of: Of::all(),
    };
    let leased = world.store.lease(&ask).await.unwrap().deliveries;
    let settlements = leased.iter().map(|leased| Settlement {
        claim: leased.claim,
        fate: fate.clone(),
        attempt: None,
    });
    let settled = world.store.settle(settlements.collect()).await.unwrap();
    settled.into_iter().filter(|done| *done).count()
}

pub(crate) async fn are_fetched_acknowledged_and_replayed(world: &World) {
    let id = world.subscribe(|_| {}).await["id"].clone();
    for number in 1..=4 {
        world.publish(&["1.4.0"], &format!("evt-{number}")).await;
    }
    let path = |rest: &str| format!("{}{rest}", at(&id));
    let page = world.ask(get(&path("/deliveries?after=1&limit=2"))).await;
    assert_eq!((page.status, &page.json["more"]), (200, &json!(true)));
    assert_eq!(page.header("sunset"), "Fri, 01 Jan 2027 00:00:00 GMT");
    assert_eq!(page.header("etag"), "", "it is not the subscription");
    let fetched = page.json["deliveries"].as_array().unwrap();
    assert_eq!(fetched.len(), 2);
    assert_eq!(fetched[0]["sequence"], 2);
    assert_eq!(fetched[0]["webhook_id"], "evt-2-v1");
    assert_eq!(fetched[0]["state"], "ready");
    assert_eq!(fetched[0]["attempts"], 0);
    assert_eq!(fetched[0]["body"]["sequence"], "2");
    assert_eq!(fetched[0]["body"]["type"], "orders.v1.shipped");

    let ack =
        |sequences: Value| post(&path("/deliveries/ack")).body(&json!({ "sequences": sequences }));
    let told = world.ask(ack(json!([2, 3, 99]))).await;
    assert_eq!(
        (told.status, &told.json),
        (200, &json!({ "acknowledged": [2, 3] }))
    );
    let told = world.ask(ack(json!([2]))).await;
    assert_eq!(told.json, json!({ "acknowledged": [] }));
    assert_eq!(
        world.ask(ack(json!(vec![1; 1001]))).await.refusal().1,
        "out-of-bounds"
    );
    assert_eq!(world.ask(ack(json!("2"))).await.status, 400);
    let dead = Fate::Dead {
        reason: "status 500".into(),
    };
    assert_eq!(settle(world, dead).await, 2, "those that nobody fetched");
    let page = world.ask(get(&path("/deliveries?state=dead"))).await;
    assert_eq!(page.json["more"], false);
    let letters = page.json["deliveries"].as_array().unwrap();
    assert_eq!(
        (letters.len(), &letters[0]["reason"]),
        (2, &json!("status 500"))
    );

    let replay = |body: Value| world.ask(post(&path("/replay")).body(&body));
    assert_eq!(
        replay(json!({ "delivery": 1 })).await.json,
        json!({ "count": 1 })
    );
    assert_eq!(
        replay(json!({ "from": 1, "to": 4 })).await.json["count"],
        3,
        "one is queued already"
    );
    assert_eq!(settle(world, Fate::Done).await, 4);
    assert_eq!(replay(json!({ "since": start() })).await.json["count"], 4);
    assert_eq!(settle(world, Fate::Done).await, 4);
    for wrong in [
        json!({}),
        json!({ "from": 1 }),
        json!({ "from": 2, "to": 1 }),
        json!({ "since": start(), "delivery": 1 }),
    ] {
        let told = replay(wrong).await;
        assert_eq!(
            told.refusal(),
            (
                400,
                "",
                "expected \"from\" and \"to\", the first not after the last; or \"since\"; or \"delivery\", a sequence number"
            )
        );
    }
    for (query, detail) in [
        ("?after=x", "after: expected a sequence number"),
        ("?limit=101", "limit: expected a number from 1 to 100"),
        (
            "?state=gone",
            "state: unknown variant `gone`, expected one of `waiting`, `ready`, `leased`, `done`, `dead`, `parked`",
        ),
    ] {
        let told = world.ask(get(&path(&format!("/deliveries{query}")))).await;
        assert_eq!(told.refusal(), (400, "", detail));
    }

    // A ping goes through the same queue.
    let told = world.ask(post(&path("/test"))).await;
    assert_eq!((told.status, &told.json["sequence"]), (202, &json!(5)));
    let ping = world.rendered(&id).await.remove(4);
    assert_eq!(ping.webhook_id, told.json["webhook_id"].as_str().unwrap());
    let event: Value = serde_json::from_slice(ping.body.as_ref().unwrap()).unwrap();
    assert_eq!(event["type"], "polywire.subscription.test");
}
