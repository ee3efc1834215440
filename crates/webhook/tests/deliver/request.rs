//! What an endpoint receives.

use std::time::Duration;

use polywire_core::{Error, ErrorKind};
use polywire_webhook::record::{DeliveryState, NewDelivery};
use polywire_webhook::signature::{SignatureHeaders, Verifier};

use crate::sink::{Sink, status};
use crate::world::{World, new, start, verifying};

#[tokio::test]
async fn a_delivery_is_signed_for_every_attempt_and_says_whose_it_is() {
    let world = World::sqlite().await;
    let sink = Sink::start(async |seen| status(if seen.number == 1 { 500 } else { 204 })).await;
    let id = world.subscribe(&format!("{}/hooks?acme=1", sink.url)).await;
    let options = polywire_webhook::deliver::DeliverOptions {
        origin: Some("events.acme.example".into()),
        ..world.options()
    };
    let deliverer = world.deliver_with(options);
    let headers = [
        ("content-type", "application/json"),
        ("ce-subject", "order ä"),
        ("host", "internal.example"),
        ("webhook-attempt", "99"),
        ("webhook-id", "forged"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let delivery = NewDelivery {
        headers: headers.into(),
        ..new(&id, "evt_1")
    };
    let delivery = world.enqueue(vec![delivery]).await[0];
    world.becomes(delivery, DeliveryState::Ready, 1).await;
    world.clock.advance(Duration::from_secs(10));
    world.becomes(delivery, DeliveryState::Done, 2).await;
    deliverer.drain().await;

    let seen = sink.seen();
    assert_eq!(seen.len(), 2);
    let verifier = Verifier::new([verifying()]).unwrap();
    for (seen, attempt, seconds) in [(&seen[0], "1", 0), (&seen[1], "2", 10)] {
        assert_eq!(seen.path, "/hooks");
        assert_eq!(seen.body, "body of evt_1");
        assert_eq!(seen.id(), "evt_1");
        assert_eq!(seen.header("webhook-attempt"), attempt);
        assert_eq!(seen.header("webhook-subscription"), id.as_str());
        assert_eq!(seen.header("webhook-request-origin"), "events.acme.example");
        assert_eq!(seen.header("contract-version"), "2.4.0");
        assert_eq!(seen.header("content-type"), "application/json");
        assert_eq!(
            seen.headers["ce-subject"].as_bytes(),
            "order ä".as_bytes(),
            "other bytes are left as they are"
        );
        assert!(sink.url.ends_with(seen.header("host")), "{seen:?}");
        assert!(
            seen.header("user-agent").starts_with("polywire-webhook/"),
            "{seen:?}"
        );
        assert_eq!(seen.headers.get("accept-encoding"), None);
        let now = start() + jiff::SignedDuration::from_secs(seconds);
        let signed = SignatureHeaders::of(&seen.headers).unwrap();
        assert_eq!(signed.seconds(), now.as_second(), "the time of the attempt");
        verifier.verify(&signed, &seen.body, now).unwrap();
    }
    let attempts = world.store.attempts(delivery).await.unwrap();
    let outcomes: Vec<_> = attempts
        .iter()
        .map(|attempt| &attempt.outcome[..])
        .collect();
    assert_eq!(outcomes, ["status 500", "status 204"]);
}

#[tokio::test]
async fn what_cannot_be_sent_is_given_up_and_what_cannot_be_signed_now_waits() {
    let world = World::sqlite().await;
    let sink = Sink::accepting().await;
    let id = world.subscribe(&sink.url).await;
    let bad = NewDelivery {
        headers: vec![("no header".into(), "x".into())],
        ..new(&id, "bad-header")
    };
    let dotted = new(&id, "with.dot");
    let refused = world.subscribe("https://169.254.169.254/").await;
    let lasting = world
        .subscribe("https://user:word@hooks.example.com/")
        .await;
    let ids = world
        .enqueue(vec![
            bad,
            dotted,
            new(&lasting, "plain"),
            new(&refused, "metadata"),
        ])
        .await;
    let deliverer = world.deliver();
    for id in &ids[..3] {
        let dead = world.becomes(*id, DeliveryState::Dead, 1).await;
        assert_eq!(dead.reason.as_deref(), Some("unsendable"));
    }
    // What an address is may change with its policy.
    let retried = world.becomes(ids[3], DeliveryState::Ready, 1).await;
    assert_eq!(retried.reason.as_deref(), Some("refused"));
    assert_eq!(sink.count(), 0);

    let later = Error::new(ErrorKind::Unavailable, "the key service does not answer");
    *world.keys.0.lock() = Some(later);
    let waiting = world.subscribe(&sink.url).await;
    let delivery = world.one(&waiting, "evt").await;
    world.becomes(delivery, DeliveryState::Ready, 0).await;
    *world.keys.0.lock() = None;
    world.clock.advance(Duration::from_secs(10));
    world.becomes(delivery, DeliveryState::Done, 1).await;
    assert_eq!(sink.ids("/"), ["evt"]);

    *world.keys.0.lock() = Some(Error::new(ErrorKind::Config, "there is no such key"));
    let never = world.subscribe(&sink.url).await;
    let delivery = world.one(&never, "evt").await;
    world.becomes(delivery, DeliveryState::Dead, 1).await;
    deliverer.drain().await;
}
