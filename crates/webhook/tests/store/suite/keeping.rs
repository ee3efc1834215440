//! What stays, what comes back and what goes.

use std::time::Duration;

use jiff::SignedDuration;
use polywire_core::ErrorKind;
use polywire_webhook::record::{DeliveryId, DeliveryState, Fate, SubscriptionId};
use polywire_webhook::store::{Enqueued, Page, Replay, Replayed, Sweep, Swept, Which};

use crate::world::{World, dead, keyed, new, start};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Ten deliveries, a minute apart: odd ones done, even ones dead, the last one parked.
async fn ten(world: &World, id: &SubscriptionId) -> Vec<DeliveryId> {
    let mut ids = Vec::new();
    for number in 1..=10 {
        world.enqueue(vec![new(id, &format!("n{number}"))]).await;
        let leased = world.lease(1).await.remove(0);
        let fate = match number {
            10 => Fate::Park {
                reason: "415".into(),
            },
            even if even % 2 == 0 => dead(),
            _ => Fate::Done,
        };
        assert!(world.settle(leased.claim, fate).await);
        ids.push(leased.claim.id);
        world.clock.advance(Duration::from_secs(60));
    }
    ids
}

pub(crate) async fn replays_one_a_range_and_since_a_time(world: &World) {
    let (id, other) = (world.subscribe().await, world.subscribe().await);
    let ids = ten(world, &id).await;
    ten(world, &other).await;
    let replay = async |which| world.store.replay(&Replay::new(which)).await.unwrap();
    let none = Replayed {
        count: 0,
        next: None,
    };

    assert_eq!(replay(Which::One(ids[0])).await, none, "it is done");
    assert_eq!(replay(Which::One(ids[1])).await.count, 1);
    assert_eq!(
        replay(Which::One(ids[1])).await,
        none,
        "it is queued already"
    );
    let again = world.lease(10).await;
    assert_eq!(
        (again.len(), again[0].claim.id, again[0].delivery.attempts),
        (1, ids[1], 1)
    );
    assert_eq!(
        (&again[0].delivery.reason, again[0].delivery.finished_at),
        (&None, None)
    );
    assert!(world.settle(again[0].claim, Fate::Done).await);

    let range = Which::Range {
        subscription: id.clone(),
        from: 3,
        to: 6,
    };
    assert_eq!(replay(range.clone()).await.count, 2);
    assert_eq!(world.all(dead()).await, ["n4", "n6"]);
    let all = Replay {
        states: vec![DeliveryState::Done, DeliveryState::Dead],
        ..Replay::new(range)
    };
    assert_eq!(world.store.replay(&all).await.unwrap().count, 4);
    assert_eq!(world.all(Fate::Done).await, ["n3", "n4", "n5", "n6"]);

    let at = start() + SignedDuration::from_secs(7 * 60);
    let since = Which::Since {
        subscription: id.clone(),
        at,
    };
    // Counted alone, and before a time.
    let minute = SignedDuration::from_secs(60);
    for (before, count) in [(None, 2), (Some(at + minute * 2), 1), (Some(at), 0)] {
        let dry = Replay {
            before,
            dry: true,
            ..Replay::new(since.clone())
        };
        let counted = world.store.replay(&dry).await.unwrap();
        assert_eq!(counted.count, count, "{before:?}");
    }
    assert_eq!(world.all(Fate::Done).await, [""; 0], "nothing was queued");
    assert_eq!(replay(since).await.count, 2);
    assert_eq!(world.all(Fate::Done).await, ["n8", "n10"]);
    let nobody = Which::Since {
        subscription: SubscriptionId::random(),
        at,
    };
    assert_eq!(replay(nobody).await, none);
    let wrong = Replay {
        states: vec![DeliveryState::Leased],
        ..Replay::new(Which::One(ids[0]))
    };
    let error = world.store.replay(&wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPayload);
    assert_eq!(
        error.to_string(),
        "deliveries that are Leased cannot be replayed: only Done, Dead and Parked ones can"
    );
}

pub(crate) async fn replays_in_order_and_in_pages(world: &World) {
    let id = world.subscribe().await;
    let batch = (1..=5).map(|number| keyed(&id, &format!("k{number}"), "k"));
    world.enqueue(batch.collect()).await;
    for number in 1..=5 {
        assert_eq!(world.all(dead()).await, [format!("k{number}")]);
    }
    world.enqueue(vec![keyed(&id, "k6", "k")]).await;
    let mut replay = Replay {
        limit: 2,
        ..Replay::new(Which::Range {
            subscription: id.clone(),
            from: 1,
            to: 9,
        })
    };
    let mut counts = Vec::new();
    loop {
        let replayed = world.store.replay(&replay).await.unwrap();
        counts.push(replayed.count);
        let Some(next) = replayed.next else { break };
        replay.after = Some(next);
    }
    assert_eq!(counts, [2, 2, 1]);
    for name in ["k6", "k1", "k2", "k3", "k4", "k5"] {
        assert_eq!(world.all(Fate::Done).await, [name], "one after the other");
    }
    let letters = Page {
        subscription: id,
        state: Some(DeliveryState::Dead),
        after: 0,
        limit: 10,
    };
    assert_eq!(world.store.deliveries(&letters).await.unwrap(), []);
}

pub(crate) async fn discards_what_is_finished(world: &World) {
    let id = world.subscribe().await;
    let ids = ten(world, &id).await;
    for finished in [ids[0], ids[1], ids[9]] {
        assert!(world.store.discard(finished).await.unwrap());
        assert!(!world.store.discard(finished).await.unwrap(), "once");
        assert_eq!(world.store.delivery(finished).await.unwrap(), None);
        assert_eq!(world.store.attempts(finished).await.unwrap(), []);
    }
    assert_eq!(world.states(&id).await.len(), 7);
    // Neither what waits, nor what is ready, nor what somebody has.
    let batch = ["a", "b"].map(|name| keyed(&id, name, "k"));
    let kept = world.enqueue(batch.into()).await;
    let numbers = kept.iter().map(|kept| match kept {
        Enqueued::New { id, .. } => *id,
        other => panic!("{other:?}"),
    });
    let numbers: Vec<_> = numbers.collect();
    for number in &numbers {
        assert!(!world.store.discard(*number).await.unwrap());
    }
    let leased = world.lease(10).await.remove(0);
    assert!(!world.store.discard(leased.claim.id).await.unwrap());
    assert!(world.settle(leased.claim, Fate::Done).await);
    assert!(world.store.discard(leased.claim.id).await.unwrap());
    assert_eq!(world.all(Fate::Done).await, ["b"], "the next of its key");
    // Its name is free, its place is not.
    let again = world.enqueue(vec![new(&id, "n1")]).await;
    assert!(
        matches!(again[..], [Enqueued::New { sequence: 13, .. }]),
        "{again:?}"
    );
}

pub(crate) async fn sweeps_what_is_old(world: &World) {
    let id = world.subscribe().await;
    let ids = ten(world, &id).await;
    let dead_ones = Page {
        subscription: id.clone(),
        state: Some(DeliveryState::Dead),
        after: 2,
        limit: 2,
    };
    let listed = world.store.deliveries(&dead_ones).await.unwrap();
    assert_eq!(
        listed
            .iter()
            .map(|delivery| delivery.sequence)
            .collect::<Vec<_>>(),
        [4, 6]
    );

    let never = start() - SignedDuration::from_secs(1);
    let bodies = Sweep {
        bodies: start() + SignedDuration::from_secs(121),
        done: never,
        letters: never,
    };
    assert_eq!(
        world.store.sweep(&bodies).await.unwrap(),
        Swept {
            bodies: 2,
            deliveries: 0,
            more: false
        }
    );
    assert_eq!(world.store.sweep(&bodies).await.unwrap(), Swept::default());
    assert_eq!(world.delivery(ids[0]).await.body, None);
    let again = Replay {
        states: vec![DeliveryState::Done],
        ..Replay::new(Which::One(ids[0]))
    };
    assert_eq!(
        world.store.replay(&again).await.unwrap().count,
        0,
        "nothing is left to send"
    );
    assert!(matches!(
        world.enqueue(vec![new(&id, "n1")]).await[..],
        [Enqueued::Duplicate { .. }]
    ));

    world.clock.advance(DAY);
    let now = start() + SignedDuration::from_hours(24);
    let done = Sweep {
        bodies: never,
        done: now,
        letters: never,
    };
    assert_eq!(world.store.sweep(&done).await.unwrap().deliveries, 5);
    assert!(matches!(
        world.enqueue(vec![new(&id, "n1")]).await[..],
        [Enqueued::New { sequence: 11, .. }]
    ));
    let letters = Sweep {
        bodies: never,
        done: never,
        letters: now,
    };
    assert_eq!(world.store.sweep(&letters).await.unwrap().deliveries, 5);
    assert_eq!(
        world.states(&id).await.into_keys().collect::<Vec<_>>(),
        ["n1"]
    );
}

pub(crate) async fn finishes_what_was_asked_for(world: &World) {
    let id = world.subscribe().await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..50 {
        let (store, new) = (world.store.clone(), new(&id, &format!("n{task}")));
        tasks.spawn(async move { store.enqueue(vec![new]).await });
    }
    // Some have asked by now, and some have not.
    tokio::task::yield_now().await;
    world.store.close().await;
    let mut kept = 0;
    for answer in tasks.join_all().await {
        match answer {
            Ok(_) => kept += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}"),
        }
    }
    assert_eq!(
        world.again().await.states(&id).await.len(),
        kept,
        "what was refused was not kept"
    );
}

pub(crate) async fn is_closed_and_opened_again(world: &World) {
    let id = world.subscribe().await;
    world.fill(&id, "a", 2).await;
    let leased = world.lease(1).await.remove(0);
    let before = (world.get(&id).await, world.states(&id).await);
    world.store.close().await;
    world.store.close().await;
    for error in [
        world.store.enqueue(vec![new(&id, "b")]).await.unwrap_err(),
        world.store.subscription(&id).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Closed, "the webhook store is closed")
        );
    }
    let again = world.again().await;
    assert_eq!((again.get(&id).await, again.states(&id).await), before);
    assert!(
        again.settle(leased.claim, Fate::Done).await,
        "claims outlive the process"
    );
    assert_eq!(again.all(Fate::Done).await.len(), 1);
    again.store.close().await;
}
