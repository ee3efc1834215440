//! What came of leases.

use std::time::Duration;

use polywire_core::ErrorKind;
use polywire_webhook::record::{Attempt, DeliveryState, Fate, Settlement};
use polywire_webhook::store::Enqueued;

use crate::world::{World, dead, keyed, lease, names, retry, start};

pub(crate) async fn does_as_the_fate_says(world: &World) {
    let id = world.subscribe().await;
    for (fate, state, attempts, again_after, reason) in [
        (Fate::Done, DeliveryState::Done, 1, None, None),
        (
            retry(5),
            DeliveryState::Ready,
            1,
            Some(5),
            Some("status 503"),
        ),
        (
            dead(),
            DeliveryState::Dead,
            1,
            None,
            Some("eleven attempts failed"),
        ),
        (
            Fate::Park {
                reason: "415".into(),
            },
            DeliveryState::Parked,
            0,
            None,
            Some("415"),
        ),
        (
            Fate::Release {
                after: Duration::from_secs(7),
            },
            DeliveryState::Ready,
            0,
            Some(7),
            None,
        ),
    ] {
        let now = polywire_webhook::Clock::now(&world.clock);
        world
            .fill(&id, &format!("{fate:?}").to_lowercase()[..4], 1)
            .await;
        let leased = world.lease(1).await.remove(0);
        assert!(world.settle(leased.claim, fate.clone()).await);
        let kept = world.delivery(leased.claim.id).await;
        assert_eq!(
            (kept.state, kept.attempts, kept.reason.as_deref()),
            (state, attempts, reason),
            "{fate:?}"
        );
        assert_eq!(
            kept.finished_at,
            again_after.is_none().then_some(now),
            "{fate:?}"
        );
        if let Some(seconds) = again_after {
            assert_eq!(world.lease(1).await, []);
            world.clock.advance(Duration::from_secs(seconds));
            let again = world.lease(1).await.remove(0);
            assert_eq!(
                (again.claim.id, again.delivery.attempts),
                (leased.claim.id, attempts + 1)
            );
            assert!(world.settle(again.claim, Fate::Done).await);
            assert_eq!(world.delivery(again.claim.id).await.reason, None);
        }
    }
}

pub(crate) async fn notes_attempts(world: &World) {
    let id = world.subscribe().await;
    world.fill(&id, "a", 1).await;
    let mut expected = Vec::new();
    let mut delivery = None;
    for number in 1..=3_u32 {
        let leased = world.lease(1).await.remove(0);
        delivery = Some(leased.claim.id);
        let attempt = Attempt {
            at: polywire_webhook::Clock::now(&world.clock),
            took: Duration::from_millis(u64::from(number)),
            outcome: "ä".repeat(513),
        };
        let settlement = Settlement {
            claim: leased.claim,
            fate: retry(5),
            attempt: Some(attempt.clone()),
        };
        assert_eq!(world.store.settle(vec![settlement]).await.unwrap(), [true]);
        expected.push(Attempt {
            outcome: "ä".repeat(512),
            ..attempt
        });
        world.clock.advance(Duration::from_secs(5));
    }
    assert_eq!(
        world.store.attempts(delivery.unwrap()).await.unwrap(),
        expected
    );
    let leased = world.lease(1).await.remove(0);
    let twice = vec![
        Settlement {
            claim: leased.claim,
            fate: Fate::Done,
            attempt: None
        };
        2
    ];
    let error = world.store.settle(twice).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPayload);
    assert_eq!(
        error.to_string(),
        format!("delivery {} is settled twice in one batch", leased.claim.id)
    );
}

pub(crate) async fn keeps_the_order_of_a_key_and_holds_up_no_other(world: &World) {
    let id = world.subscribe().await;
    let batch = [
        ("a1", "a"),
        ("a2", "a"),
        ("b1", "b"),
        ("a3", "a"),
        ("b2", "b"),
    ];
    world
        .enqueue(
            batch
                .iter()
                .map(|(name, key)| keyed(&id, name, key))
                .collect(),
        )
        .await;
    let first = world.lease(10).await;
    assert_eq!(names(&first), ["a1", "b1"]);
    // While the first of a is tried again and again, b goes on.
    assert!(world.settle(first[0].claim, retry(60)).await);
    assert!(world.settle(first[1].claim, Fate::Done).await);
    assert_eq!(world.all(Fate::Done).await, ["b2"]);
    assert_eq!(world.lease(10).await, []);
    world.enqueue(vec![keyed(&id, "b3", "b")]).await;
    assert_eq!(world.all(Fate::Done).await, ["b3"]);
    world.clock.advance(Duration::from_secs(60));
    // What is given up holds up nothing any more.
    assert_eq!(world.all(dead()).await, ["a1"]);
    assert_eq!(
        world
            .all(Fate::Park {
                reason: "415".into()
            })
            .await,
        ["a2"]
    );
    let third = world.lease(10).await;
    assert_eq!(names(&third), ["a3"]);
    // A worker that dies keeps its key's place.
    world.enqueue(vec![keyed(&id, "a4", "a")]).await;
    world.clock.advance(crate::world::LEASE);
    assert_eq!(world.all(Fate::Done).await, ["a3"]);
    assert_eq!(world.all(Fate::Done).await, ["a4"]);
}

/// While one is settled the next one of its key arrives: it must not wait for ever.
pub(crate) async fn never_forgets_one_that_waits(world: &World) {
    let id = world.subscribe().await;
    let another = world.another().await;
    for round in 0..60 {
        let first = world
            .enqueue(vec![keyed(&id, &format!("first-{round}"), "k")])
            .await;
        assert!(matches!(first[..], [Enqueued::New { .. }]));
        let leased = world.lease(1).await.remove(0);
        let next = another.enqueue(vec![keyed(&id, &format!("next-{round}"), "k")]);
        let (settled, enqueued) = tokio::join!(world.settle(leased.claim, Fate::Done), next);
        assert!(settled && enqueued.is_ok());
        let next = lease(&*another, 1).await;
        assert_eq!(names(&next), [format!("next-{round}")], "at {}", start());
        assert!(world.settle(next[0].claim, Fate::Done).await);
    }
    another.close().await;
}
