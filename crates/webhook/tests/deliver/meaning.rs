//! What becomes of a delivery, its endpoint and its subscription: every row of the table of the schedule.

use std::sync::Arc;
use std::time::Duration;

use polywire_core::contract::Version;
use polywire_webhook::deliver::NoticeCode;
use polywire_webhook::record::{
    Delivery, DeliveryId, DeliveryState, NewDelivery, State, SubscriptionId,
};
use polywire_webhook::schedule::{Standing, Stop};
use tokio::sync::Semaphore;

use crate::sink::{Sink, status};
use crate::world::{World, eventually, new, start};

/// One delivery to a sink with one answer, once it is settled.
async fn answered(code: u16) -> (World, SubscriptionId, Delivery) {
    let world = World::sqlite().await;
    let sink = Sink::start(move |_| async move { status(code) }).await;
    let id = world.subscribe(&sink.url).await;
    let delivery = world.one(&id, "evt").await;
    let deliverer = world.deliver();
    sink.wait(1).await;
    deliverer.drain().await;
    assert_eq!(sink.count(), 1);
    let delivery = world.delivery(delivery).await;
    (world, id, delivery)
}

#[tokio::test]
async fn what_is_accepted_is_done() {
    for code in [200, 201, 202, 204, 299] {
        let (world, id, delivery) = answered(code).await;
        assert_eq!(
            (delivery.state, delivery.attempts),
            (DeliveryState::Done, 1)
        );
        assert_eq!(world.get(&id).await.standing, Standing::default());
        assert_eq!(world.told.codes(), [""; 0]);
    }
}

#[tokio::test]
async fn what_fails_is_tried_again_and_a_redirect_is_not_followed() {
    for code in [301, 302, 304, 307, 400, 401, 404, 408, 413, 500, 502, 504] {
        let (world, id, delivery) = answered(code).await;
        assert_eq!(
            (delivery.state, delivery.attempts),
            (DeliveryState::Ready, 1),
            "{code}"
        );
        assert_eq!(delivery.due, start() + jiff::SignedDuration::from_secs(10));
        assert_eq!(delivery.reason, Some(format!("status {code}")));
        let failing = Standing {
            failing_since: Some(start()),
            ..Standing::default()
        };
        assert_eq!(world.get(&id).await.standing, failing);
        assert_eq!(world.told.codes(), [""; 0]);
    }
}

#[tokio::test]
async fn what_throttles_is_held() {
    for code in [429, 503] {
        let (world, id, delivery) = answered(code).await;
        assert_eq!(
            (delivery.state, delivery.attempts),
            (DeliveryState::Ready, 1),
            "{code}"
        );
        let held = Standing {
            failing_since: Some(start()),
            held_until: Some(start() + jiff::SignedDuration::from_secs(5)),
            ..Standing::default()
        };
        assert_eq!(world.get(&id).await.standing, held);
    }
}

#[tokio::test]
async fn what_can_never_work_is_given_up() {
    for code in [501, 505] {
        let (world, _, delivery) = answered(code).await;
        assert_eq!(
            (delivery.state, delivery.attempts),
            (DeliveryState::Dead, 1)
        );
        assert_eq!(delivery.reason, Some(format!("status {code}")));
        let told = world.told.all();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].code, NoticeCode::Exhausted);
        assert_eq!(told[0].delivery, Some(delivery.id));
        assert_eq!(told[0].message_id.as_deref(), Some("message-of-evt"));
        assert_eq!(
            (&told[0].tenant[..], told[0].contract.as_str()),
            ("acme", "orders")
        );
    }
}

#[tokio::test]
async fn what_is_gone_is_stopped_until_somebody_resumes_it() {
    let world = World::sqlite().await;
    let sink = Sink::start(async |seen| status(if seen.id() == "first" { 410 } else { 204 })).await;
    let id = world.subscribe(&sink.url).await;
    let first = world.one(&id, "first").await;
    let deliverer = world.deliver();
    let gone = world.becomes(first, DeliveryState::Parked, 0).await;
    assert_eq!(gone.reason.as_deref(), Some("status 410"));
    let disabled = State::Disabled { why: Stop::Gone };
    world.is(&id, disabled).await;
    eventually("told", async || {
        world.told.has(NoticeCode::Gone).then_some(())
    })
    .await;
    assert_eq!(world.get(&id).await.standing.stopped, Some(Stop::Gone));
    assert_eq!(world.told.codes(), ["endpoint.gone"]);
    let second = world.one(&id, "second").await;
    world.everything_due(&sink).await;
    assert_eq!(world.delivery(second).await.state, DeliveryState::Ready);

    // The subscriber says that it is back.
    let mut found = world.get(&id).await;
    found.terms.state = State::Active;
    world
        .store
        .update(&id, found.revision, found.terms)
        .await
        .unwrap();
    world.everything_due(&sink).await;
    assert_eq!(world.delivery(second).await.state, DeliveryState::Ready);
    deliverer.resume(&id).await.unwrap();
    world.becomes(second, DeliveryState::Done, 1).await;
    assert_eq!(world.get(&id).await.standing, Standing::default());
    deliverer.drain().await;
    assert!(deliverer.resume(&id).await.is_err(), "it has ended");
}

#[tokio::test]
async fn a_version_that_is_not_understood_parks_the_subscription() {
    let world = World::sqlite().await;
    let sink = Sink::start(async |_| status(415)).await;
    let id = world.subscribe(&sink.url).await;
    let old = NewDelivery {
        version: Version::new(1, 9, 0),
        ..new(&id, "old")
    };
    let old = world.enqueue(vec![old]).await[0];
    let deliverer = world.deliver();
    // A rendering from before an upgrade says nothing of the version of today.
    world.becomes(old, DeliveryState::Parked, 0).await;
    world.everything_due(&Sink::accepting().await).await;
    assert_eq!(world.state(&id).await, State::Active);
    let ids = world
        .enqueue((0..40).map(|n| new(&id, &format!("n{n}"))).collect())
        .await;
    world.is(&id, State::VersionMismatch).await;
    deliverer.drain().await;
    let mut parked = 0;
    for delivery in ids {
        let delivery = world.delivery(delivery).await;
        assert_eq!(delivery.attempts, 0, "no attempt is spent");
        match delivery.state {
            DeliveryState::Parked => parked += 1,
            state => assert_eq!(state, DeliveryState::Ready),
        }
    }
    assert_eq!(parked + 1, sink.count());
    assert!(
        (1..=16).contains(&parked),
        "{parked}: what had begun, and no more"
    );
    assert_eq!(
        world.get(&id).await.standing,
        Standing::default(),
        "it works"
    );
    assert_eq!(world.told.codes(), ["subscription.version-mismatch"; 2]);
    assert_eq!(world.told.all()[0].delivery, Some(old));
}

#[tokio::test]
async fn the_last_attempt_is_the_last() {
    let world = World::sqlite().await;
    let sink = Sink::start(async |_| status(500)).await;
    let id = world.subscribe(&sink.url).await;
    let delivery = world.one(&id, "evt").await;
    let deliverer = world.deliver();
    world.becomes(delivery, DeliveryState::Ready, 1).await;
    world.clock.advance(Duration::from_secs(10));
    world.becomes(delivery, DeliveryState::Ready, 2).await;
    world.clock.advance(Duration::from_secs(100));
    let dead = world.becomes(delivery, DeliveryState::Dead, 3).await;
    assert_eq!(
        dead.reason.as_deref(),
        Some("status 500 to attempt 3, the last")
    );
    deliverer.drain().await;
    assert_eq!(world.told.codes(), ["attempt.exhausted"]);
}

#[tokio::test]
async fn an_endpoint_that_fails_for_days_is_disabled() {
    let world = World::sqlite().await;
    let sink = Sink::start(async |_| status(500)).await;
    let id = world.subscribe(&sink.url).await;
    let first = world.one(&id, "first").await;
    let deliverer = world.deliver();
    world.becomes(first, DeliveryState::Ready, 1).await;
    world.clock.advance(Duration::from_secs(5 * 24 * 3600));
    world.becomes(first, DeliveryState::Ready, 2).await;
    world.is(&id, State::Disabled { why: Stop::Failing }).await;
    eventually("told", async || {
        world.told.has(NoticeCode::Disabled).then_some(())
    })
    .await;
    deliverer.drain().await;
    let standing = world.get(&id).await.standing;
    assert_eq!(standing.stopped, Some(Stop::Failing));
    assert_eq!(world.told.codes(), ["endpoint.disabled"]);
}

#[tokio::test]
async fn a_sink_that_was_replaced_disables_nothing() {
    let world = World::sqlite().await;
    let thinks = Arc::new(Semaphore::new(0));
    let thinking = thinks.clone();
    let gone = Sink::start(move |_| {
        let thinking = thinking.clone();
        async move {
            let _thought = thinking.acquire().await;
            status(410)
        }
    })
    .await;
    let works = Sink::accepting().await;
    let id = world.subscribe(&gone.url).await;
    let first = world.one(&id, "first").await;
    let deliverer = world.deliver();
    gone.wait(1).await;
    // While the old one thinks about it, the subscriber names another one.
    let mut found = world.get(&id).await;
    found.terms.sink = works.url.clone();
    world.store.update(&id, 1, found.terms).await.unwrap();
    thinks.add_permits(1);
    world.becomes(first, DeliveryState::Parked, 0).await;
    let second = world.one(&id, "second").await;
    world.becomes(second, DeliveryState::Done, 1).await;
    assert_eq!(world.state(&id).await, State::Active);
    assert_eq!(world.told.codes(), [""; 0]);
    deliverer.drain().await;
}

#[tokio::test]
async fn an_id_of_nobody_is_no_matter() {
    let world = World::sqlite().await;
    let sink = Sink::accepting().await;
    let id = world.subscribe(&sink.url).await;
    let deliverer = world.deliver();
    deliverer.resume(&SubscriptionId::random()).await.unwrap();
    // Removed with what it had.
    let first: DeliveryId = world.one(&id, "first").await;
    world.becomes(first, DeliveryState::Done, 1).await;
    assert!(world.store.remove(&id).await.unwrap());
    world.everything_due(&sink).await;
    deliverer.drain().await;
}
