//! Changes, renewals, pauses.

use serde_json::json;

use crate::sink::Manners;
use crate::world::{DAY, World, at, patch, post, sqlite, start};

pub(crate) async fn lets_one_of_two_updates_win(world: &World) {
    let id = world.subscribe(|_| {}).await["id"].clone();
    let tag = world.get(&id).await.header("etag").to_owned();
    let change = |rate: u32| {
        let body = json!({ "rate_per_minute": rate });
        world.ask(patch(&at(&id)).header("if-match", &tag).body(&body))
    };
    let (one, other) = tokio::join!(change(100), change(200));
    let mut told = [one.status, other.status];
    told.sort_unstable();
    assert_eq!(told, [200, 412]);
    let (winner, loser) = if one.status == 200 {
        (one, other)
    } else {
        (other, one)
    };
    assert_eq!(
        loser.refusal(),
        (
            412,
            "precondition-failed",
            "the subscription has changed since: get it again, and send the ETag of that"
        )
    );
    let now = world.get(&id).await;
    assert_eq!(now.json["rate_per_minute"], winner.json["rate_per_minute"]);
    assert_eq!(now.header("etag"), winner.header("etag"));
}

#[tokio::test]
async fn changes_name_what_they_change() {
    let world = sqlite().await;
    let id = world.subscribe(|body| body["version"] = json!("^2")).await["id"].clone();
    let body = json!({
        "events": ["returned", "shipped"], "float": "none", "order": "by-key", "on_sunset": "upgrade",
        "rate_per_minute": 60, "lease_seconds": 3600
    });
    let told = world.ask(patch(&at(&id)).body(&body)).await;
    assert_eq!(
        told.refusal(),
        (
            428,
            "precondition-required",
            "If-Match is missing: send the ETag of the subscription as you know it"
        )
    );
    let told = world
        .ask(patch(&at(&id)).header("if-match", "\"1\"").body(&body))
        .await;
    assert_eq!(told.refusal().0, 412, "its consent was a change");
    let tag = world.get(&id).await.header("etag").to_owned();
    let told = world
        .ask(patch(&at(&id)).header("if-match", &tag).body(&body))
        .await;
    assert_eq!(told.status, 200, "{}", told.json);
    for (name, value) in body.as_object().unwrap() {
        if name != "lease_seconds" {
            assert_eq!(told.json[name], *value);
        }
    }
    assert_eq!(told.json["lease_expires_at"], "2026-11-23T07:00:00Z");
    let any = |body: serde_json::Value| patch(&at(&id)).header("if-match", "*").body(&body);
    let told = world.ask(any(json!({ "rate_per_minute": null }))).await;
    assert!(told.json["rate_per_minute"].is_null());
    assert_eq!(told.json["float"], "none", "what is not named stays");
    let same = world.ask(any(json!({}))).await;
    assert_eq!(same.header("etag"), told.header("etag"), "nothing changed");
    for (body, status, code) in [
        (json!({ "events": ["paid"] }), 422, "event-unknown"),
        (json!({ "sink": "http://10.0.0.1/" }), 422, "sink-refused"),
        (json!({ "rate_per_minute": 0 }), 422, "rate-refused"),
        (json!({ "tenant": "other" }), 400, ""),
    ] {
        let told = world.ask(any(body)).await;
        assert_eq!((told.refusal().0, told.refusal().1), (status, code));
    }
    world.close().await;
}

#[tokio::test]
async fn events_of_another_major_need_an_upgrade() {
    let world = sqlite().await;
    let id = world
        .subscribe(|body| body["version"] = json!("^1.4; ^2"))
        .await["id"]
        .clone();
    let change = json!({ "events": ["shipped", "returned"] });
    let told = world
        .ask(patch(&at(&id)).header("if-match", "*").body(&change))
        .await;
    assert_eq!(told.refusal().1, "upgrade-needed");
    world.close().await;
}

#[tokio::test]
async fn leases_are_renewed_within_bounds() {
    let world = sqlite().await;
    let id = world.subscribe(|_| {}).await["id"].clone();
    world.clock.advance(5 * DAY);
    let renew = |body: serde_json::Value| post(&format!("{}/lease", at(&id))).body(&body);
    let told = world.ask(renew(json!({ "lease_seconds": 864_000 }))).await;
    assert_eq!(
        (told.status, &told.json["lease_expires_at"]),
        (200, &json!("2026-12-08T06:00:00Z"))
    );
    assert_eq!(told.header("sunset"), "Fri, 01 Jan 2027 00:00:00 GMT");
    let told = world.ask(post(&format!("{}/lease", at(&id)))).await;
    assert_eq!(
        told.json["lease_expires_at"], "2026-12-08T06:00:00Z",
        "ten days unless said"
    );
    world.clock.advance(10 * DAY);
    let told = world
        .ask(renew(json!({ "lease_seconds": 30 * 86_400 })))
        .await;
    assert_eq!(
        told.json["lease_expires_at"], "2027-01-01T00:00:00Z",
        "not beyond the sunset"
    );
    let told = world.ask(renew(json!({ "lease_seconds": 0 }))).await;
    assert_eq!(told.refusal().1, "lease-refused");
    let told = world.ask(renew(json!({ "lease": 1 }))).await;
    assert!(
        told.refusal().2.contains("expected `lease_seconds`"),
        "{}",
        told.json
    );
    world.close().await;
}

#[tokio::test]
async fn pauses_end_when_it_is_resumed() {
    let world = sqlite().await;
    let id = world.subscribe(|_| {}).await["id"].clone();
    let verb = |verb: &str| world.ask(post(&format!("{}/{verb}", at(&id))));
    let told = verb("pause").await;
    assert_eq!(
        (&told.json["state"], &told.json["reason"]),
        (&json!("paused"), &json!("subscriber"))
    );
    world.publish(&["1.4.0"], "meanwhile").await;
    assert_eq!(world.rendered(&id).await.len(), 1, "events are kept");
    assert_eq!(verb("pause").await.status, 200);
    assert_eq!(verb("test").await.refusal().1, "wrong-state");
    let told = verb("resume").await;
    assert_eq!((told.status, &told.json["state"]), (200, &json!("active")));

    // After an endpoint was disabled it starts anew; one that was gone must consent again.
    use polywire_webhook::record::State;
    use polywire_webhook::schedule::{Standing, Stop};
    for (why, state) in [(Stop::Failing, "active"), (Stop::Gone, "disabled")] {
        let found = world.record(&id).await;
        let standing = Standing {
            failing_since: Some(start()),
            held_until: None,
            stopped: Some(why),
        };
        world.store.stand(&found.id, &standing).await.unwrap();
        let mut terms = found.terms.clone();
        terms.state = State::Disabled { why };
        world
            .store
            .update(&found.id, found.revision, terms)
            .await
            .unwrap();
        let shown = world.get(&id).await;
        assert_eq!(shown.json["state"], "disabled");
        assert_eq!(
            shown.json["standing"]["failing_since"],
            "2026-11-23T06:00:00Z"
        );
        let told = verb("resume").await;
        assert_eq!(told.json["state"], state);
        let told = world.ask(post(&format!("{}/verify", at(&id))).wait()).await;
        assert_eq!(told.json["state"], "active");
        assert_eq!(told.json["standing"], json!({}));
    }
    let codes = world.notices.codes();
    assert_eq!(
        codes
            .iter()
            .filter(|code| **code == "subscription.resumed")
            .count(),
        2
    );

    let pending = world
        .ask(post("").body(&crate::world::wish("http://127.0.0.1:1/")))
        .await;
    for verb in ["pause", "resume", "test", "replay"] {
        let body = json!({ "delivery": 1 });
        let told = world
            .ask(post(&format!("{}/{verb}", at(&pending.json["id"]))).body(&body))
            .await;
        assert_eq!(
            (told.refusal().0, told.refusal().1),
            (409, "wrong-state"),
            "{verb}"
        );
    }
    world.close().await;
}

#[tokio::test]
async fn no_rate_exceeds_what_the_sink_allowed() {
    let world = sqlite().await;
    world.sink.behave(Manners {
        rate: Some("300"),
        ..Manners::default()
    });
    let created = world.subscribe(|_| {}).await;
    assert_eq!(created["rate_per_minute"], 300);
    let id = created["id"].clone();
    let change = async |body: serde_json::Value| {
        let asked = patch(&at(&id)).header("if-match", "*").wait().body(&body);
        let told = world.ask(asked).await;
        assert_eq!(told.status, 200, "{}", told.json);
        told.json["rate_per_minute"].clone()
    };
    for (asked, held) in [
        (json!(600), 300),
        (json!(null), 300),
        (json!(100), 100),
        (json!(300), 300),
    ] {
        assert_eq!(
            change(json!({ "rate_per_minute": asked })).await,
            held,
            "{asked}"
        );
    }
    // Another sink says for itself.
    world.sink.behave(Manners::default());
    change(json!({ "sink": format!("{}/other", world.sink.url) })).await;
    assert_eq!(change(json!({ "rate_per_minute": 600 })).await, 600);
    world.close().await;
}
