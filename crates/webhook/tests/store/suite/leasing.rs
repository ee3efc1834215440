//! Who gets what, and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use polywire_core::ErrorKind;
use polywire_webhook::record::{Fate, NewDelivery, PauseReason, Settlement, State, SubscriptionId};
use polywire_webhook::schedule::{Standing, Stop};
use polywire_webhook::store::{LeaseAsk, Of};

use crate::world::{LEASE, World, ask, lease, names, new, start, terms};

fn delayed(new: NewDelivery, seconds: u64) -> NewDelivery {
    NewDelivery {
        delay: Duration::from_secs(seconds),
        ..new
    }
}

pub(crate) async fn gives_what_is_due_the_longest_due_first(world: &World) {
    let id = world.subscribe().await;
    world
        .enqueue(vec![
            delayed(new(&id, "late"), 60),
            delayed(new(&id, "soon"), 30),
            new(&id, "now"),
        ])
        .await;
    let first = world.lease(10).await;
    assert_eq!(names(&first), ["now"]);
    assert_eq!(
        (first[0].delivery.attempts, first[0].until),
        (1, start() + jiff::SignedDuration::from_secs(90))
    );
    assert_eq!(world.lease(10).await, []);
    world.clock.advance(Duration::from_secs(29));
    assert_eq!(world.lease(10).await, []);
    world.clock.advance(Duration::from_secs(31));
    assert_eq!(names(&world.lease(1).await), ["soon"]);
    assert_eq!(names(&world.lease(10).await), ["late"]);
    for (wrong, message) in [
        (
            LeaseAsk { limit: 0, ..ask(1) },
            "0 deliveries to lease: expected 1 to 1000",
        ),
        (
            LeaseAsk {
                lease: Duration::ZERO,
                ..ask(1)
            },
            "0 seconds of lease: expected 1 to 3600",
        ),
        (
            LeaseAsk {
                per_subscription: 0,
                ..ask(1)
            },
            "0 deliveries of one subscription: expected 1 to 1000",
        ),
        (
            LeaseAsk {
                of: Of::Only(vec![id.clone(); Of::MAX + 1]),
                ..ask(1)
            },
            "10001 subscriptions named for a lease: expected 0 to 10000",
        ),
    ] {
        let error = world.store.lease(&wrong).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::TooLarge, message)
        );
    }
}

pub(crate) async fn passes_over_what_must_not_be_delivered(world: &World) {
    let id = world.subscribe().await;
    world.fill(&id, "a", 1).await;
    let except = LeaseAsk {
        of: Of::AllBut(vec![id.clone()]),
        ..ask(10)
    };
    assert_eq!(world.store.lease(&except).await.unwrap().deliveries, []);
    let mut paused = terms("acme", "orders");
    paused.state = State::Paused {
        reason: PauseReason::Operator,
    };
    world.store.update(&id, 1, paused).await.unwrap();
    world.fill(&id, "b", 1).await;
    assert_eq!(world.lease(10).await, []);
    world
        .store
        .update(&id, 2, terms("acme", "orders"))
        .await
        .unwrap();
    let held = start() + jiff::SignedDuration::from_secs(60);
    for standing in [
        Standing {
            held_until: Some(held),
            ..Standing::default()
        },
        Standing {
            stopped: Some(Stop::Gone),
            ..Standing::default()
        },
    ] {
        world.store.stand(&id, &standing).await.unwrap();
        assert_eq!(world.lease(10).await, [], "{standing:?}");
    }
    world
        .store
        .stand(
            &id,
            &Standing {
                held_until: Some(held),
                ..Standing::default()
            },
        )
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(names(&world.lease(10).await), ["a-1", "b-1"]);
}

pub(crate) async fn gives_of_those_alone_that_are_named(world: &World) {
    let mut ids = Vec::new();
    for number in 0..5 {
        let id = world.subscribe().await;
        world.fill(&id, &format!("s{number}"), 3).await;
        ids.push(id);
    }
    let only = async |limit, per_subscription, ids: &[&SubscriptionId]| {
        let ask = LeaseAsk {
            per_subscription,
            of: Of::Only(ids.iter().copied().cloned().collect()),
            ..ask(limit)
        };
        names(&world.store.lease(&ask).await.unwrap().deliveries)
    };
    assert_eq!(only(10, 10, &[]).await, [""; 0], "nobody is named");
    assert_eq!(only(10, 10, &[&SubscriptionId::random()]).await, [""; 0]);
    // Each in its turn, wherever the others are.
    assert_eq!(only(1, 1, &[&ids[3], &ids[1]]).await, ["s1-1"]);
    assert_eq!(only(1, 1, &[&ids[3], &ids[1]]).await, ["s3-1"]);
    assert_eq!(only(2, 1, &[&ids[3], &ids[1]]).await, ["s1-2", "s3-2"]);
    assert_eq!(only(10, 10, &[&ids[3], &ids[3]]).await, ["s3-3"]);
    assert_eq!(only(10, 10, &[&ids[3]]).await, [""; 0], "no more of it");
    let mut paused = terms("acme", "orders");
    paused.state = State::Paused {
        reason: PauseReason::Operator,
    };
    world.store.update(&ids[0], 1, paused).await.unwrap();
    assert_eq!(only(10, 10, &[&ids[0]]).await, [""; 0], "it is paused");
    let but = LeaseAsk {
        of: Of::AllBut(vec![ids[2].clone()]),
        ..ask(10)
    };
    let rest = world.store.lease(&but).await.unwrap().deliveries;
    assert_eq!(names(&rest), ["s1-3", "s4-1", "s4-2", "s4-3"]);
}

pub(crate) async fn lets_no_backlog_hide_another_subscription(world: &World) {
    let mut subscriptions = Vec::new();
    for number in 0..5 {
        let id = world.subscribe().await;
        world
            .fill(&id, "x", if number == 0 { 500 } else { 3 })
            .await;
        subscriptions.push(id);
    }
    let ask = LeaseAsk {
        limit: 10,
        per_subscription: 4,
        lease: LEASE,
        of: Of::all(),
    };
    let mut given = BTreeMap::new();
    for _ in 0..2 {
        let batch = world.store.lease(&ask).await.unwrap();
        assert_eq!(batch.deliveries.len(), 10);
        assert!(batch.more);
        for leased in batch.deliveries {
            *given.entry(leased.delivery.subscription).or_insert(0) += 1;
        }
    }
    for id in &subscriptions {
        assert!(given.get(id).is_some_and(|given| *given >= 3), "{given:?}");
    }
    let mut rest = 0;
    loop {
        let batch = world
            .store
            .lease(&LeaseAsk {
                per_subscription: 1000,
                limit: 100,
                ..ask.clone()
            })
            .await
            .unwrap();
        rest += batch.deliveries.len();
        if !batch.more {
            break;
        }
    }
    assert_eq!(rest, 512 - 20);
}

pub(crate) async fn gives_again_what_was_not_settled_and_fences_the_first(world: &World) {
    let id = world.subscribe().await;
    world.fill(&id, "a", 1).await;
    let another = world.another().await;
    let frozen = lease(&*another, 1).await.remove(0);
    world.clock.advance(LEASE - Duration::from_millis(1));
    assert_eq!(world.lease(1).await, []);
    world.clock.advance(Duration::from_millis(1));
    let second = world.lease(1).await.remove(0);
    assert_eq!(second.claim.id, frozen.claim.id);
    assert_ne!(second.claim.fence, frozen.claim.fence);
    assert_eq!(
        second.delivery.attempts, 2,
        "what was begun may have been sent"
    );
    assert_eq!(second.delivery.body, frozen.delivery.body);
    // The first one wakes up: it can change nothing.
    for fate in [
        Fate::Done,
        crate::world::dead(),
        crate::world::retry(5),
        Fate::Release {
            after: Duration::ZERO,
        },
    ] {
        let late = Settlement {
            claim: frozen.claim,
            fate,
            attempt: None,
        };
        assert_eq!(another.settle(vec![late]).await.unwrap(), [false]);
    }
    assert_eq!(
        another
            .extend(&[frozen.claim, second.claim], LEASE)
            .await
            .unwrap(),
        [false, true]
    );
    assert!(world.settle(second.claim, Fate::Done).await);
    assert!(!world.settle(second.claim, Fate::Done).await, "once");
    // Late, but nobody else has it: that is as good as in time.
    world.fill(&id, "b", 1).await;
    let late = world.lease(1).await.remove(0);
    world.clock.advance(LEASE * 2);
    assert!(world.settle(late.claim, Fate::Done).await);
    another.close().await;
}

pub(crate) async fn is_prolonged(world: &World) {
    let id = world.subscribe().await;
    world.fill(&id, "a", 2).await;
    let leased = world.lease(2).await;
    world.clock.advance(LEASE / 2);
    assert_eq!(
        world.store.extend(&[leased[0].claim], LEASE).await.unwrap(),
        [true]
    );
    world.clock.advance(LEASE / 2);
    assert_eq!(
        names(&world.lease(10).await),
        [leased[1].delivery.webhook_id.clone()]
    );
    world.clock.advance(LEASE / 2);
    assert_eq!(
        names(&world.lease(10).await),
        [leased[0].delivery.webhook_id.clone()]
    );
    let error = world
        .store
        .extend(&[], Duration::from_secs(3601))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "3601 seconds of lease: expected 1 to 3600"
    );
}
