//! New deliveries.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use polywire_core::ErrorKind;
use polywire_webhook::Clock;
use polywire_webhook::record::{Body, DeliveryState, Fate, NewDelivery, SubscriptionId};
use polywire_webhook::store::{Enqueued, Replay, Which};

use crate::world::{World, keyed, new, sequence, start};

pub(crate) async fn numbers_without_gaps_and_recognises_duplicates(world: &World) {
    let (one, other) = (world.subscribe().await, world.subscribe().await);
    let changed = NewDelivery {
        body: Body::Whole("another".into()),
        ..new(&one, "a")
    };
    let nobody = new(&SubscriptionId::random(), "a");
    let batch = vec![
        new(&one, "a"),
        new(&other, "a"),
        new(&one, "a"),
        changed.clone(),
        nobody,
        new(&one, "b"),
    ];
    let answers = world.enqueue(batch).await;
    let [
        Enqueued::New { id, sequence: 1 },
        Enqueued::New { sequence: 1, .. },
        duplicate,
        conflict,
        none,
        last,
    ] = answers[..]
    else {
        panic!("{answers:?}")
    };
    assert_eq!(duplicate, Enqueued::Duplicate { id, sequence: 1 });
    assert_eq!(conflict, Enqueued::Conflict { id });
    assert_eq!(none, Enqueued::NoSubscription);
    assert_eq!(sequence(&last), Some(2));
    let again = world
        .enqueue(vec![new(&one, "a"), changed, new(&one, "c")])
        .await;
    assert_eq!(again[..2], [duplicate, conflict]);
    assert_eq!(sequence(&again[2]), Some(3));

    let kept = world.delivery(id).await;
    let expected = new(&one, "a");
    assert_eq!(kept.subscription, one);
    assert_eq!(
        (kept.sequence, kept.attempts, kept.state),
        (1, 0, DeliveryState::Ready)
    );
    assert_eq!(
        (kept.webhook_id, kept.message_id),
        (expected.webhook_id, expected.message_id)
    );
    assert_eq!(
        (kept.interaction, kept.version),
        (expected.interaction, expected.version)
    );
    assert_eq!((kept.key, kept.headers), (None, expected.headers));
    assert_eq!(kept.body, Some(Bytes::from_static(b"body of a")));
    assert_eq!(
        (kept.due, kept.created_at, kept.finished_at, kept.reason),
        (start(), start(), None, None)
    );
}

pub(crate) async fn writes_the_number_into_the_body(world: &World) {
    let id = world.subscribe().await;
    let numbered = |name: &str| NewDelivery {
        body: Body::Numbered {
            before: "\0\u{fffd}{\"sequence\":\"".into(),
            after: Bytes::from_static(b"\"}\xff"),
        },
        ..new(&id, name)
    };
    let answers = world.enqueue(vec![new(&id, "a"), numbered("b")]).await;
    let Enqueued::New {
        id: kept,
        sequence: 2,
    } = answers[1]
    else {
        panic!("{answers:?}")
    };
    let expected = [b"\0\xef\xbf\xbd{\"sequence\":\"2\"}".as_slice(), b"\xff"].concat();
    assert_eq!(world.delivery(kept).await.body, Some(expected.into()));
    // Which number it got is no difference.
    assert_eq!(
        world.enqueue(vec![numbered("b")]).await,
        [Enqueued::Duplicate {
            id: kept,
            sequence: 2
        }]
    );
}

pub(crate) async fn is_all_or_nothing_for_many_at_once(world: &World) {
    let (one, other) = (world.subscribe().await, world.subscribe().await);
    let another = world.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16 {
        let store = if task % 2 == 0 {
            world.store.clone()
        } else {
            another.clone()
        };
        let (one, other) = (one.clone(), other.clone());
        tasks.spawn(async move {
            let mut sequences = Vec::new();
            for round in 0..10 {
                let both = vec![
                    new(&one, &format!("{task}-{round}")),
                    new(&other, &format!("{task}-{round}")),
                ];
                let answers = store.enqueue(both).await.unwrap();
                sequences.push((
                    sequence(&answers[0]).unwrap(),
                    sequence(&answers[1]).unwrap(),
                ));
            }
            sequences
        });
    }
    let sequences = tasks.join_all().await.concat();
    let all: BTreeSet<_> = (1..=160).collect();
    assert_eq!(
        sequences.iter().map(|both| both.0).collect::<BTreeSet<_>>(),
        all
    );
    assert_eq!(
        sequences.iter().map(|both| both.1).collect::<BTreeSet<_>>(),
        all
    );
    another.close().await;
}

pub(crate) async fn keeps_one_of_many_alike(world: &World) {
    let id = world.subscribe().await;
    let another = world.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..20 {
        let store = if task % 2 == 0 {
            world.store.clone()
        } else {
            another.clone()
        };
        let batch = vec![new(&id, "same"), new(&id, &format!("own-{task}"))];
        tasks.spawn(async move { store.enqueue(batch).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    let (mut ids, mut first) = (BTreeSet::new(), 0);
    for answer in answers {
        let (id, own) = match answer[..] {
            [Enqueued::New { id, .. }, own] => {
                first += 1;
                (id, own)
            }
            [Enqueued::Duplicate { id, .. }, own] => (id, own),
            _ => panic!("{answer:?}"),
        };
        assert!(matches!(own, Enqueued::New { .. }));
        ids.insert(id);
    }
    assert_eq!((first, ids.len()), (1, 1), "{ids:?}");
    assert_eq!(
        world.delivery(*ids.first().unwrap()).await.webhook_id,
        "same"
    );
    assert_eq!(world.states(&id).await.len(), 21);
    another.close().await;
}

pub(crate) async fn has_bounds(world: &World) {
    let id = world.subscribe().await;
    let error = async |new: Vec<NewDelivery>| {
        let error = world.store.enqueue(new).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        error.to_string()
    };
    assert_eq!(
        error(vec![new(&id, "a"); 1001]).await,
        "1001 deliveries in one batch: expected 0 to 1000"
    );
    assert_eq!(
        error(vec![new(&id, "")]).await,
        "0 bytes of webhook-id: expected 1 to 256"
    );
    let key = NewDelivery {
        key: Some("x".repeat(257).into()),
        ..new(&id, "a")
    };
    assert_eq!(
        error(vec![new(&id, "b"), key]).await,
        "257 bytes of ordering key: expected 1 to 256"
    );
    let headers = NewDelivery {
        headers: vec![("x".into(), "x".repeat(16_384))],
        ..new(&id, "a")
    };
    assert_eq!(
        error(vec![headers]).await,
        "16385 bytes of headers: expected 0 to 16384"
    );
    assert_eq!(world.enqueue(Vec::new()).await, []);
    // A delay without end is a century.
    world
        .enqueue(vec![NewDelivery {
            delay: Duration::MAX,
            ..new(&id, "a")
        }])
        .await;
    assert_eq!(world.lease(1).await, []);
}

pub(crate) async fn parks_one_that_nobody_is_given(world: &World) {
    let id = world.subscribe().await;
    let store = &world.store;
    let parked = store.park(keyed(&id, "a", "k"), "not ^2").await.unwrap();
    let Enqueued::New { id: number, .. } = parked else {
        panic!("{parked:?}");
    };
    let found = world.delivery(number).await;
    assert_eq!(found.state, DeliveryState::Parked);
    assert_eq!(found.reason.as_deref(), Some("not ^2"));
    assert_eq!(found.finished_at, Some(world.clock.now()));
    // It holds up nothing of its key, and is recognised like any other.
    world.enqueue(vec![keyed(&id, "b", "k")]).await;
    assert_eq!(world.all(Fate::Done).await, ["b"]);
    let again = store.park(keyed(&id, "a", "k"), "not ^2").await.unwrap();
    assert_eq!(
        again,
        Enqueued::Duplicate {
            id: number,
            sequence: 1
        }
    );
    let again = world.enqueue(vec![keyed(&id, "a", "k")]).await;
    assert!(matches!(again[0], Enqueued::Duplicate { .. }));

    let replay = Replay::new(Which::One(number));
    assert_eq!(store.replay(&replay).await.unwrap().count, 1);
    assert_eq!(world.all(Fate::Done).await, ["a"]);

    let nobody = SubscriptionId::random();
    let parked = store.park(new(&nobody, "c"), "not ^2").await.unwrap();
    assert_eq!(parked, Enqueued::NoSubscription);
}
