//! When things are tried again.

use std::time::Duration;

use polywire_webhook::record::DeliveryState;

use crate::sink::{Sink, status, with};
use crate::world::{World, start};

#[tokio::test]
async fn retries_are_made_at_their_time_and_not_before() {
    let world = World::sqlite().await;
    let sink = Sink::start(async |seen| {
        status(if seen.path == "/bad" && seen.number < 3 {
            500
        } else {
            204
        })
    })
    .await;
    let id = world.subscribe(&format!("{}/bad", sink.url)).await;
    let deliverer = world.deliver();
    let delivery = world.one(&id, "evt").await;
    for (attempt, seconds) in [(1, 10), (2, 100)] {
        let failed = world.becomes(delivery, DeliveryState::Ready, attempt).await;
        let due = world.clock_after(seconds);
        assert_eq!(failed.due, due);
        world
            .clock
            .advance(Duration::from_secs(seconds) - Duration::from_millis(1));
        world.everything_due(&sink).await;
        assert_eq!(
            world.delivery(delivery).await.attempts,
            attempt,
            "not before"
        );
        world.clock.advance(Duration::from_millis(1));
    }
    world.becomes(delivery, DeliveryState::Done, 3).await;
    deliverer.drain().await;
    assert_eq!(sink.ids("/bad"), ["evt"; 3]);
}

#[tokio::test]
async fn retry_after_is_honoured_in_both_forms() {
    for (code, header, seconds) in [
        (429, "60", 60),
        (503, "Mon, 23 Nov 2026 06:02:00 GMT", 120),
        // Whoever fails and says how long asks for less, whatever else it says.
        (500, "30", 30),
    ] {
        let world = World::sqlite().await;
        let sink = Sink::start(move |seen| async move {
            match (seen.path.as_str(), seen.number) {
                ("/busy", 1) => with(code, "retry-after", header),
                _ => status(204),
            }
        })
        .await;
        let id = world.subscribe(&format!("{}/busy", sink.url)).await;
        let deliverer = world.deliver();
        let first = world.one(&id, "first").await;
        let held = world.becomes(first, DeliveryState::Ready, 1).await;
        assert_eq!(held.due, world.clock_after(seconds));
        crate::world::eventually("held", async || {
            let standing = world.get(&id).await.standing;
            (standing.held_until == Some(world.clock_after(seconds))).then_some(())
        })
        .await;
        // Nothing else is sent there meanwhile, nor by another worker.
        let second = world.one(&id, "second").await;
        let other = world.deliver();
        world
            .clock
            .advance(Duration::from_secs(seconds) - Duration::from_millis(1));
        world.everything_due(&sink).await;
        assert_eq!(sink.ids("/busy"), ["first"]);
        world.clock.advance(Duration::from_millis(1));
        world.becomes(first, DeliveryState::Done, 2).await;
        world.becomes(second, DeliveryState::Done, 1).await;
        deliverer.drain().await;
        other.drain().await;
        assert_eq!(sink.ids("/busy").len(), 3);
    }
}

#[tokio::test]
async fn what_is_due_is_asked_for_without_polling() {
    // By the machine's own clock, and a store that is asked once a minute.
    let data = crate::world::Data::sqlite();
    let world = World::new(data).await;
    let store = world.data.open(polywire_webhook::SystemClock).await;
    let sink = Sink::start(async |seen| status(if seen.number == 1 { 500 } else { 204 })).await;
    let id = polywire_webhook::record::SubscriptionId::random();
    store
        .create(&id, crate::world::terms(&sink.url))
        .await
        .unwrap();
    let options = polywire_webhook::deliver::DeliverOptions {
        poll: Duration::from_secs(60),
        retries: polywire_webhook::schedule::RetryPlan::new([Duration::from_secs(1)], 0).unwrap(),
        ..polywire_webhook::deliver::DeliverOptions::default()
    };
    let sender = crate::world::sender(polywire_webhook::deliver::SenderOptions::default());
    let deliverer = world.start(store.clone(), sender, options);
    store
        .enqueue(vec![crate::world::new(&id, "evt")])
        .await
        .unwrap();
    let begun = std::time::Instant::now();
    sink.wait(2).await;
    let took = begun.elapsed();
    deliverer.drain().await;
    assert!(took >= Duration::from_millis(900), "{took:?}: not before");
    assert!(took < Duration::from_secs(20), "{took:?}: in time");
    assert!(start() < jiff::Timestamp::now());
}
