//! From one major to another.

use serde_json::{Value, json};

use crate::sink::{Echo, Manners};
use crate::world::{DAY, HOUR, World, at, names, post, sqlite};

const BOTH: [&str; 2] = ["1.4.0", "2.1.0"];

pub(crate) async fn goes_by_a_shadow_and_back(world: &World) {
    let id = world.subscribe(|_| {}).await["id"].clone();
    let verb = |verb: &str, body: Value| {
        world.ask(post(&format!("{}/{verb}", at(&id))).body(&body).wait())
    };
    world.publish(&BOTH, "evt-1").await;
    let told = verb(
        "upgrade",
        json!({ "version": "^2", "shadow_seconds": 3600 }),
    )
    .await;
    assert_eq!(told.status, 202, "{}", told.json);
    let upgrade = &told.json["upgrade"];
    assert_eq!(
        (&upgrade["to"], &upgrade["phase"]),
        (&json!("2.1.0"), &json!("shadow"))
    );
    assert_eq!(upgrade["until"], "2026-11-23T07:00:00Z");
    assert_eq!(
        upgrade["commit"],
        format!(
            "/webhooks/subscriptions/{}/upgrade/commit",
            id.as_str().unwrap()
        )
    );
    assert_eq!(told.json["version"], "1.4.0", "the old one counts");
    let challenge = world.sink.until(4).await.remove(3);
    assert_eq!(
        challenge.header("contract-version"),
        "2.1.0",
        "the sink was asked for the new one"
    );

    world.publish(&BOTH, "evt-2").await;
    let rendered = world.rendered(&id).await;
    assert_eq!(names(&rendered), ["evt-1-v1", "evt-2-v1", "evt-2-v2"]);
    let shadow = ("contract-shadow".to_owned(), "true".to_owned());
    let shadows: Vec<_> = rendered
        .iter()
        .map(|one| one.headers.contains(&shadow))
        .collect();
    assert_eq!(shadows, [false, false, true]);
    assert_eq!(rendered[2].message_id, "evt-2");

    let told = verb("upgrade/commit", json!({})).await;
    assert_eq!(
        (told.status, &told.json["version"]),
        (200, &json!("2.1.0")),
        "{}",
        told.json
    );
    assert_eq!(told.json["requested"], "^2");
    assert_eq!(told.json["upgrade"]["phase"], "committed");
    assert_eq!(told.json["upgrade"]["sequence"], 4);
    assert_eq!(
        told.json["upgrade"]["rollback_until"],
        "2026-11-24T06:00:00Z"
    );
    world.publish(&BOTH, "evt-3").await;
    assert_eq!(
        names(&world.rendered(&id).await)[3..],
        ["evt-3-v2"],
        "one rendering each"
    );

    let told = verb("upgrade/rollback", json!({})).await;
    assert_eq!((told.status, &told.json["version"]), (200, &json!("1.4.0")));
    assert_eq!(told.json["requested"], "^1.4");
    assert!(told.json["upgrade"].is_null());
    world.publish(&BOTH, "evt-4").await;
    let rendered = world.rendered(&id).await;
    assert_eq!(names(&rendered)[4..], ["evt-4-v1"]);
    let sequences: Vec<_> = rendered.iter().map(|one| one.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_message_between_two_copies_of_which_it_is_committed_comes_once() {
    let world = sqlite().await;
    let id = world.subscribe(|_| {}).await["id"].clone();
    let verb = |verb: &str, body: Value| {
        world.ask(post(&format!("{}/{verb}", at(&id))).body(&body).wait())
    };
    for (name, backwards) in [("evt-1", false), ("evt-2", true)] {
        let told = verb(
            "upgrade",
            json!({ "version": "^2", "shadow_seconds": 3600 }),
        )
        .await;
        assert_eq!(told.status, 202, "{}", told.json);
        let mut copies = crate::world::copies(&BOTH, name);
        if backwards {
            copies.reverse();
        }
        let mut copies = copies.into_iter();
        let publisher = world.server.publisher();
        publisher.publish(copies.next().unwrap()).await.unwrap();
        assert_eq!(verb("upgrade/commit", json!({})).await.status, 200);
        publisher.publish(copies.next().unwrap()).await.unwrap();
        let rendered = world.rendered(&id).await;
        let counts = |one: &&polywire_webhook::record::Delivery| {
            one.message_id == name
                && !one
                    .headers
                    .iter()
                    .any(|(header, _)| header == "contract-shadow")
        };
        assert_eq!(rendered.iter().filter(counts).count(), 1, "{backwards}");
        assert_eq!(verb("upgrade/rollback", json!({})).await.status, 200);
    }
    world.close().await;
}

#[tokio::test]
async fn it_can_be_at_once_and_needs_the_sink() {
    let world = sqlite().await;
    let id = world.subscribe(|_| {}).await["id"].clone();
    let verb = |verb: &str, body: Value| {
        world.ask(post(&format!("{}/{verb}", at(&id))).body(&body).wait())
    };
    let now = json!({ "version": "^2", "strategy": "now" });
    world.sink.behave(Manners {
        echo: Echo::Nothing,
        ..Manners::default()
    });
    let told = verb("upgrade", now.clone()).await;
    assert_eq!(
        (&told.json["version"], &told.json["proposed"]["version"]),
        (&json!("1.4.0"), &json!("2.1.0"))
    );
    world.sink.behave(Manners::default());
    let told = verb("upgrade", now).await;
    assert_eq!(
        (&told.json["version"], &told.json["upgrade"]["sequence"]),
        (&json!("2.1.0"), &json!(1))
    );
    world.clock.advance(DAY);
    let told = verb("upgrade/rollback", json!({})).await;
    assert_eq!(told.refusal().1, "no-upgrade", "it is too late");
    world.server.tend().await.unwrap();
    assert!(world.get(&id).await.json["upgrade"].is_null());

    for (body, status, code) in [
        (json!({ "version": "^3" }), 406, ""),
        (
            json!({ "version": "^2", "shadow_seconds": 0 }),
            422,
            "shadow-refused",
        ),
        (json!({ "version": "^2", "strategy": "later" }), 400, ""),
        (json!({ "version": "two" }), 400, ""),
    ] {
        let told = verb("upgrade", body).await;
        assert_eq!((told.refusal().0, told.refusal().1), (status, code));
    }
    let told = verb("upgrade", json!({ "version": "^2.1" })).await;
    assert_eq!(
        (told.status, &told.json["requested"]),
        (200, &json!("^2.1")),
        "no other major"
    );
    assert_eq!(
        verb("upgrade/commit", json!({})).await.refusal().1,
        "no-upgrade"
    );
    world.close().await;
}

#[tokio::test]
async fn a_shadow_that_nobody_commits_ends() {
    let world = sqlite().await;
    let id = world.subscribe(|_| {}).await["id"].clone();
    let path = |rest: &str| format!("{}/upgrade{rest}", at(&id));
    let body = json!({ "version": "^2", "shadow_seconds": 3600 });
    assert_eq!(
        world.ask(post(&path("")).body(&body).wait()).await.status,
        202
    );
    world.clock.advance(HOUR);
    assert_eq!(
        world.ask(post(&path("/commit"))).await.refusal().1,
        "no-upgrade"
    );
    world.server.tend().await.unwrap();
    assert!(world.get(&id).await.json["upgrade"].is_null());
    assert_eq!(
        world.notices.codes().last(),
        Some(&"subscription.shadow-ended")
    );
    world.publish(&BOTH, "evt-1").await;
    assert_eq!(names(&world.rendered(&id).await), ["evt-1-v1"]);
    world.close().await;
}

pub(crate) async fn loses_and_doubles_nothing_while_it_is_published_to(world: &World) {
    const MESSAGES: usize = 120;
    let id = world.subscribe(|_| {}).await["id"].clone();
    let publishing = async {
        for number in 0..MESSAGES {
            // As the core does: every copy at once.
            let publisher = world.server.publisher();
            let copies = crate::world::copies(&BOTH, &format!("evt-{number:03}"));
            let published = copies.into_iter().map(|copy| publisher.publish(copy));
            futures_util::future::try_join_all(published).await.unwrap();
        }
    };
    let changing = async {
        let verb = |verb: &str, body: Value| {
            world.ask(post(&format!("{}/{verb}", at(&id))).body(&body).wait())
        };
        for _ in 0..5 {
            assert_eq!(
                verb("upgrade", json!({ "version": "^2" })).await.status,
                202
            );
            assert_eq!(verb("upgrade/commit", json!({})).await.status, 200);
            assert_eq!(verb("upgrade/rollback", json!({})).await.status, 200);
        }
    };
    tokio::join!(publishing, changing);
    let main = world.mains(&id).await;
    let names: std::collections::BTreeSet<_> = main.iter().cloned().collect();
    assert_eq!(
        (main.len(), names.len()),
        (MESSAGES, MESSAGES),
        "each counts once"
    );
}
