//! New subscriptions, and looking at them.

use serde_json::{Value, json};

use crate::sink::Manners;
use crate::world::{World, ask, at, get, post, serving, sqlite, start, wish};

pub(crate) async fn is_answered_listed_and_ended(world: &World) {
    // It stays as it was created.
    world.sink.behave(Manners {
        origin: None,
        ..Manners::default()
    });
    let mut body = wish(&world.sink.url);
    body["group"] = json!("billing");
    body["rate_per_minute"] = json!(600);
    let told = world.ask(post("").body(&body)).await;
    assert_eq!(told.status, 201, "{}", told.json);
    let document = &told.json;
    let id = document["id"].clone();
    assert_eq!(
        told.header("location"),
        format!("/webhooks/subscriptions/{}", id.as_str().unwrap())
    );
    assert_eq!(told.header("cache-control"), "no-store");
    assert_eq!(told.header("etag"), "\"1\"");
    assert_eq!(told.header("contract-version"), "1.4.0");
    assert_eq!(told.header("deprecation"), "@1793491200");
    assert_eq!(told.header("sunset"), "Fri, 01 Jan 2027 00:00:00 GMT");
    assert_eq!(
        told.header("link"),
        "<https://acme.example/orders-1>; rel=\"deprecation\""
    );
    assert_eq!(document["state"], "pending");
    assert_eq!(document["requested"], "^1.4");
    assert_eq!(document["version"], "1.4.0");
    assert_eq!(document["float"], "minor");
    assert_eq!(document["order"], "none");
    assert_eq!(document["on_sunset"], "pause");
    assert_eq!(document["group"], "billing");
    assert_eq!(document["rate_per_minute"], 600);
    assert_eq!(document["lease_expires_at"], "2026-12-03T06:00:00Z");
    let key = &document["keys"][0];
    assert_eq!(
        (&key["kid"], &key["algorithm"]),
        (&json!("k1"), &json!("v1"))
    );
    let secret = key["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"));

    // The secret is shown once.
    let again = world.get(&id).await;
    assert_eq!(again.status, 200);
    let listed = world.ask(get("?contract=orders&limit=10")).await;
    assert_eq!(listed.json["subscriptions"][0]["id"], id);
    for text in [
        again.json.to_string(),
        listed.json.to_string(),
        format!("{:?}", world.record(&id).await),
    ] {
        assert!(
            !text.contains(&secret) && !text.contains("whsec_"),
            "{text}"
        );
    }
    assert!(!format!("{:?}", world.server).contains("whsec_"));
    let same = world
        .ask(get(&at(&id)).header("if-none-match", again.header("etag")))
        .await;
    assert_eq!((same.status, same.json), (304, Value::Null));
    let other = world
        .ask(get(&at(&id)).header("if-none-match", "\"99\""))
        .await;
    assert_eq!(other.status, 200);

    // Others do not see it, nor that it is there.
    for ask in [
        get(&at(&id)),
        ask("DELETE", &at(&id)),
        post(&format!("{}/pause", at(&id))),
        get(&format!("{}/deliveries", at(&id))),
    ] {
        let hidden = world.ask(ask.tenant("other")).await;
        let unknown = world.ask(get("/sub_0000").tenant("other")).await;
        assert_eq!((hidden.status, &hidden.json), (404, &unknown.json));
    }
    let theirs = world.ask(get("").tenant("other")).await;
    assert_eq!(theirs.json["subscriptions"], json!([]));

    let stale = world
        .ask(ask("DELETE", &at(&id)).header("if-match", "\"99\""))
        .await;
    assert_eq!(stale.refusal().0, 412);
    let ended = world.ask(ask("DELETE", &at(&id))).await;
    assert_eq!((ended.status, ended.json), (204, Value::Null));
    assert_eq!(world.get(&id).await.status, 404);
    assert_eq!(world.ask(ask("DELETE", &at(&id))).await.status, 404);
}

pub(crate) async fn is_carried_out_once_for_a_key(world: &World) {
    let body = wish(&world.sink.url);
    let once = |body: &Value| post("").body(body).header("idempotency-key", "5e0c");
    let first = world.ask(once(&body)).await;
    assert_eq!(first.status, 201);
    let again = world.ask(once(&body)).await;
    assert_eq!(
        (again.status, &again.json),
        (201, &first.json),
        "with its secret"
    );
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("etag"), "\"1\"");
    let mut changed = body.clone();
    changed["lease_seconds"] = json!(60);
    let refused = world.ask(once(&changed)).await;
    assert_eq!(
        refused.refusal(),
        (
            422,
            "idempotency-key-reused",
            "the Idempotency-Key was used for another request: take another key for each request"
        )
    );
    let other = world.ask(once(&body).tenant("other")).await;
    assert_ne!(other.json["id"], first.json["id"]);
    let listed = world.ask(get("")).await;
    assert_eq!(listed.json["subscriptions"].as_array().unwrap().len(), 1);

    let at_once =
        (0..8).map(|_| world.ask(post("").body(&body).header("idempotency-key", "at once")));
    let told = futures_util::future::join_all(at_once).await;
    assert!(told.iter().all(|told| told.status == 201));
    let ids: std::collections::BTreeSet<_> =
        told.iter().map(|told| told.json["id"].as_str()).collect();
    let secrets: std::collections::BTreeSet<_> = told
        .iter()
        .map(|told| told.json["keys"][0]["secret"].as_str())
        .collect();
    assert_eq!((ids.len(), secrets.len()), (1, 1));

    world.clock.advance(crate::world::DAY);
    let later = world.ask(once(&body)).await;
    assert_eq!(later.status, 201);
    assert_ne!(later.json["id"], first.json["id"], "the key is forgotten");
    let wrong = world
        .ask(post("").body(&body).header("idempotency-key", ""))
        .await;
    assert_eq!(
        wrong.refusal(),
        (
            400,
            "",
            "the Idempotency-Key: expected one, of 1 to 256 bytes of ASCII"
        )
    );
}

#[tokio::test]
async fn pages_follow_each_other() {
    let world = sqlite().await;
    for _ in 0..5 {
        assert_eq!(
            world
                .ask(post("").body(&wish(&world.sink.url)))
                .await
                .status,
            201
        );
    }
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.ask(get(&format!("?limit=2{after}"))).await;
        let listed = page.json["subscriptions"].as_array().unwrap();
        assert!(listed.len() <= 2);
        ids.extend(
            listed
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        match page.json["after"].as_str() {
            Some(last) => after = format!("&after={last}"),
            None => break,
        }
    }
    assert_eq!(ids.len(), 5);
    assert!(ids.is_sorted());
    for (query, detail) in [
        ("?limit=0", "limit: expected a number from 1 to 100"),
        (
            "?page=2",
            "unknown parameter \"page\": expected after, contract, limit",
        ),
        ("?limit=1&limit=2", "parameter \"limit\" is there twice"),
    ] {
        let told = world.ask(get(query)).await;
        assert_eq!(told.refusal(), (400, "", detail));
    }
    world.close().await;
}

#[tokio::test]
async fn calls_alone_need_no_event_and_leases_are_bounded() {
    let world = sqlite().await;
    world.server.serve(serving(&["1.4.0", "2.1.0"]));
    let created = world
        .subscribe(|body| {
            body["events"] = json!([]);
            body["version"] = json!("^2; ^1");
            body["lease_seconds"] = json!(u64::MAX);
            body["sign"] = json!(["v1a", "v1"]);
        })
        .await;
    assert_eq!(created["version"], "2.1.0");
    let until: jiff::Timestamp = created["lease_expires_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(until, start() + 30 * crate::world::DAY);
    let keys = created["keys"].as_array().unwrap();
    assert!(
        keys[0]["public"].as_str().unwrap().starts_with("whpk_") && keys[0]["secret"].is_null()
    );
    assert!(
        keys[1]["public"].is_null() && keys[1]["secret"].as_str().unwrap().starts_with("whsec_")
    );
    world.close().await;
}
