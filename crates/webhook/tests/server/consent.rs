//! Sinks that consent, and those that do not.

use polywire_webhook::signature::{SignatureHeaders, Verifier, VerifyingKey};
use serde_json::json;

use crate::sink::{Echo, Manners, Sink};
use crate::world::{at, get, patch, post, sqlite, start, wish};

#[tokio::test]
async fn a_sink_is_asked_twice_and_then_delivers() {
    let world = sqlite().await;
    world.sink.behave(Manners {
        origin: Some("*"),
        rate: Some("300"),
        ..Manners::default()
    });
    let created = world
        .subscribe(|body| body["rate_per_minute"] = json!(600))
        .await;
    assert_eq!(created["rate_per_minute"], 300, "the sink allows less");
    let [handshake, challenge] = &world.sink.until(2).await[..] else {
        panic!("two requests")
    };
    assert_eq!(
        (handshake.method.as_str(), handshake.path.as_str()),
        ("OPTIONS", "/hooks")
    );
    assert_eq!(
        handshake.header("webhook-request-origin"),
        "events.acme.example"
    );
    assert_eq!(handshake.header("webhook-request-rate"), "600");
    assert_eq!(challenge.method, "POST");
    assert_eq!(
        challenge.header("content-type"),
        "application/cloudevents+json"
    );
    assert_eq!(
        challenge.header("webhook-subscription"),
        created["id"].as_str().unwrap()
    );
    assert_eq!(challenge.header("contract-version"), "1.4.0");
    let event = challenge.json();
    assert_eq!(event["type"], "polywire.subscription.verify");
    assert_eq!(event["source"], "/orders");
    assert_eq!(event["data"]["challenge"].as_str().unwrap().len(), 64);
    let key: VerifyingKey = created["keys"][0]["secret"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let headers = SignatureHeaders::of(&challenge.headers).unwrap();
    Verifier::new([key])
        .unwrap()
        .verify(&headers, &challenge.body, start())
        .unwrap();
    assert_eq!(world.notices.codes(), ["subscription.activated"]);
    world.close().await;
}

#[tokio::test]
async fn whoever_does_not_consent_stays_pending_until_asked_again() {
    let world = sqlite().await;
    let polite = Manners::default;
    for (manners, reason) in [
        (
            Manners {
                origin: None,
                ..polite()
            },
            "handshake-refused",
        ),
        (
            Manners {
                options: 200,
                origin: None,
                ..polite()
            },
            "handshake-refused",
        ),
        (
            Manners {
                options: 405,
                ..polite()
            },
            "handshake-refused",
        ),
        (
            Manners {
                origin: Some("events.other.example"),
                ..polite()
            },
            "handshake-refused",
        ),
        (
            Manners {
                echo: Echo::Wrong,
                ..polite()
            },
            "challenge-refused",
        ),
        (
            Manners {
                echo: Echo::Nothing,
                ..polite()
            },
            "challenge-refused",
        ),
        (
            Manners {
                post: 202,
                ..polite()
            },
            "challenge-refused",
        ),
        (
            Manners {
                post: 302,
                ..polite()
            },
            "challenge-refused",
        ),
    ] {
        let sink = Sink::start(manners.clone()).await;
        let told = world.ask(post("").body(&wish(&sink.url)).wait()).await;
        assert_eq!(told.header("preference-applied"), "wait=20");
        assert_eq!(
            (told.status, &told.json["state"]),
            (201, &json!("pending")),
            "{manners:?}"
        );
        assert_eq!(told.json["reason"], reason, "{manners:?}");
        let asked = sink.seen().len();
        let each = if reason == "handshake-refused" { 1 } else { 2 };
        assert_eq!(asked, 3 * each, "it was asked three times: {manners:?}");

        let id = &told.json["id"];
        let verify = || post(&format!("{}/verify", at(id))).wait();
        assert_eq!(world.ask(verify()).await.json["state"], "pending");
        sink.behave(polite());
        let told = world.ask(verify()).await;
        assert_eq!((told.status, &told.json["state"]), (200, &json!("active")));
        assert!(told.json["reason"].is_null());
        let seen = sink.seen().len();
        assert_eq!(world.ask(verify()).await.json["state"], "active");
        assert_eq!(sink.seen().len(), seen, "it has consented already");
    }
    world.close().await;
}

#[tokio::test]
async fn a_late_consent_is_not_waited_for_without_being_told_to() {
    let world = sqlite().await;
    let told = world.ask(post("").body(&wish(&world.sink.url))).await;
    assert_eq!(told.json["state"], "pending");
    assert_eq!(told.header("preference-applied"), "");
    world.sink.until(2).await;
    let id = &told.json["id"];
    let verify = post(&format!("{}/verify", at(id))).header("prefer", "respond-async, wait=100");
    let told = world.ask(verify).await;
    assert_eq!(told.json["state"], "active");
    assert_eq!(
        told.header("preference-applied"),
        "wait=30",
        "as long as it waits at most"
    );
    world.close().await;
}

#[tokio::test]
async fn another_sink_takes_over_once_it_consents() {
    let world = sqlite().await;
    let created = world.subscribe(|_| {}).await;
    let id = &created["id"];
    let other = Sink::start(Manners {
        echo: Echo::Wrong,
        ..Manners::default()
    })
    .await;
    let change = |tag: &str| {
        patch(&at(id))
            .header("if-match", tag)
            .body(&json!({ "sink": other.url }))
            .wait()
    };
    let tag = world.get(id).await.header("etag").to_owned();
    let told = world.ask(change(&tag)).await;
    assert_eq!((told.status, &told.json["state"]), (200, &json!("active")));
    assert_eq!(told.json["sink"], world.sink.url, "the old one serves");
    assert_eq!(told.json["proposed"]["sink"], other.url);
    assert_eq!(told.json["reason"], "challenge-refused");
    other.behave(Manners::default());
    let told = world.ask(post(&format!("{}/verify", at(id))).wait()).await;
    assert_eq!(told.json["sink"], other.url);
    assert!(told.json["proposed"].is_null() && told.json["reason"].is_null());
    world.close().await;
}

#[tokio::test]
async fn a_sink_that_never_consented_is_replaced_by_the_next() {
    let world = sqlite().await;
    let rude = Sink::start(Manners {
        origin: None,
        ..Manners::default()
    })
    .await;
    let told = world.ask(post("").body(&wish(&rude.url)).wait()).await;
    let change = patch(&at(&told.json["id"]))
        .header("if-match", told.header("etag"))
        .body(&json!({ "sink": world.sink.url }))
        .wait();
    let told = world.ask(change).await;
    assert_eq!(
        (&told.json["state"], &told.json["sink"]),
        (&json!("active"), &json!(world.sink.url))
    );
    world.close().await;
}

#[tokio::test]
async fn nobody_is_asked_after_the_end() {
    let world = sqlite().await;
    world.server.close().await;
    let told = world.ask(post("").body(&wish(&world.sink.url))).await;
    assert_eq!(told.refusal().0, 503);
    assert!(world.sink.seen().is_empty());
    world.close().await;
}

#[tokio::test]
async fn a_sink_is_not_asked_without_end() {
    let world = sqlite().await;
    let options = polywire_webhook::server::ServerOptions {
        consent_pause: crate::world::HOUR,
        ..world.options()
    };
    let server = world.again(options).await;
    world.sink.behave(Manners {
        origin: None,
        ..Manners::default()
    });
    let told = post("")
        .body(&wish(&world.sink.url))
        .wait()
        .of(&server)
        .await;
    assert_eq!(told.json["reason"], "handshake-refused");
    assert_eq!(world.sink.seen().len(), 3);
    for _ in 0..10 {
        let verify = post(&format!("{}/verify", at(&told.json["id"])));
        assert_eq!(verify.of(&server).await.json["state"], "pending");
    }
    server.close().await;
    assert_eq!(world.sink.seen().len(), 3, "it is asked again in an hour");
    world.close().await;
}

#[tokio::test]
async fn a_sink_that_answers_late_has_not_consented() {
    let world = sqlite().await;
    let options = polywire_webhook::server::ServerOptions {
        consent_deadline: std::time::Duration::from_millis(100),
        ..world.options()
    };
    let server = world.again(options).await;
    world.sink.behave(Manners {
        echo: Echo::Never,
        ..Manners::default()
    });
    let told = post("")
        .body(&wish(&world.sink.url))
        .wait()
        .of(&server)
        .await;
    assert_eq!(
        (&told.json["state"], &told.json["reason"]),
        (&json!("pending"), &json!("sink-unreachable"))
    );
    server.close().await;
    world.close().await;
}

#[tokio::test]
async fn a_consent_to_what_is_no_longer_asked_for_changes_nothing() {
    let world = sqlite().await;
    let other = world.again(world.options()).await;
    world.sink.behave(Manners {
        echo: Echo::Held,
        ..Manners::default()
    });
    let creating = world.ask(post("").body(&wish(&world.sink.url)).wait());
    let meanwhile = async {
        world.sink.until(2).await;
        // Another process is told of another sink, which does not want anything.
        let rude = Sink::start(Manners {
            origin: None,
            ..Manners::default()
        })
        .await;
        let listed = world.ask(get("")).await.json;
        let change = patch(&at(&listed["subscriptions"][0]["id"]));
        let change = change
            .header("if-match", "*")
            .body(&json!({ "sink": rude.url }));
        assert_eq!(
            change.wait().of(&other).await.json["reason"],
            "handshake-refused"
        );
        world.sink.release();
        rude
    };
    let (told, rude) = tokio::join!(creating, meanwhile);
    assert_eq!(
        (&told.json["state"], &told.json["sink"]),
        (&json!("pending"), &json!(rude.url))
    );
    assert_eq!(world.notices.codes(), [""; 0]);
    other.close().await;
    world.close().await;
}
