//! What is kept, and what is not.

use bytes::Bytes;
use polywire_core::{Bounds, Error, ErrorKind, Shelf};
use polywire_webhook::inbox::{Arrived, Inbox, Put, Queue};
use tokio::time::{Duration, interval};

use crate::world::{
    A_WHILE, World, bounds, event, fill, keyed, letters, next, nothing, put, take, texts,
};

pub(crate) async fn recognises_duplicates_and_conflicts(world: &World) {
    let (inbox, queue) = world.billing().await;
    put(&inbox, &queue, event("a")).await;
    assert_eq!(inbox.put(&queue, event("a")).await.unwrap(), Put::Duplicate);
    let forged = Arrived {
        body: Bytes::from_static(b"forged"),
        ..event("a")
    };
    assert_eq!(
        inbox.put(&queue, forged.clone()).await.unwrap(),
        Put::Conflict
    );
    let mut member = inbox.join(&queue, 8).unwrap();
    assert_eq!(take(&mut member, 1).await, ["a"]);
    // Also when it is done with, and by another process.
    let (other, queue) = world.billing().await;
    assert_eq!(other.put(&queue, event("a")).await.unwrap(), Put::Duplicate);
    assert_eq!(other.put(&queue, forged).await.unwrap(), Put::Conflict);
    nothing(&mut member, A_WHILE).await;
    // Of many at once one is new.
    let all = (0..20).map(|_| inbox.put(&queue, event("b")));
    let answers = futures_util::future::join_all(all).await;
    let new = answers
        .into_iter()
        .filter(|answer| *answer.as_ref().unwrap() == Put::New);
    assert_eq!(new.count(), 1);
}

async fn until_there_is_room(inbox: &Inbox, queue: &Queue, arrived: Arrived) {
    let mut again = interval(Duration::from_millis(5));
    loop {
        again.tick().await;
        match inbox.put(queue, arrived.clone()).await.unwrap() {
            Put::New => return,
            Put::Full => {}
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn is_refused_at_the_bounds_of_a_queue(world: &World) {
    let (inbox, queue) = world
        .billing_within(Bounds {
            max_messages: 3,
            max_bytes: 10,
            ..bounds()
        })
        .await;
    fill(&inbox, &queue, &["a", "b", "c"]).await;
    assert_eq!(inbox.put(&queue, event("d")).await.unwrap(), Put::Full);
    assert_eq!(
        inbox.park(&queue, event("d"), "why").await.unwrap(),
        Put::Full
    );
    let mut member = inbox.join(&queue, 1).unwrap();
    assert_eq!(take(&mut member, 1).await.len(), 1);
    put(&inbox, &queue, event("e")).await;
    assert_eq!(take(&mut member, 3).await.len(), 3);
    let long = event("0123456789");
    put(&inbox, &queue, long).await;
    assert_eq!(inbox.put(&queue, event("f")).await.unwrap(), Put::Full);
    assert_eq!(take(&mut member, 1).await, ["0123456789"]);
    // Of many at once no more are kept than there is room for.
    let all = (0..20).map(|number| inbox.put(&queue, event(&format!("m{number}"))));
    let answers = futures_util::future::join_all(all).await;
    let kept = answers
        .into_iter()
        .filter(|answer| *answer.as_ref().unwrap() == Put::New);
    // What was just acknowledged may still be counted.
    assert!((1..=3).contains(&kept.count()));
}

pub(crate) async fn is_refused_when_letters_pile_up(world: &World) {
    let (inbox, queue) = world
        .billing_within(Bounds {
            max_letters: 2,
            ..bounds()
        })
        .await;
    for text in ["a", "b"] {
        let parked = inbox.park(&queue, event(text), "not ^1").await.unwrap();
        assert_eq!(parked, Put::New);
    }
    assert_eq!(inbox.put(&queue, event("c")).await.unwrap(), Put::Full);
    let shelves = inbox.letters();
    let id = letters(&inbox, Shelf::Parked, 2).await[0].head.id.clone();
    assert!(
        shelves
            .discard(Shelf::Parked, "billing", &id)
            .await
            .unwrap()
    );
    put(&inbox, &queue, event("c")).await;
}

pub(crate) async fn sees_what_others_have_put_and_settled(world: &World) {
    let bounds = Bounds {
        max_messages: 2,
        ..bounds()
    };
    let (one, queue) = world.billing_within(bounds.clone()).await;
    let (other, same) = world.billing_within(bounds).await;
    fill(&one, &queue, &["a", "b"]).await;
    assert_eq!(one.put(&queue, event("c")).await.unwrap(), Put::Full);
    let mut member = other.join(&same, 2).unwrap();
    take(&mut member, 2).await;
    drop(member);
    until_there_is_room(&one, &queue, event("c")).await;
    until_there_is_room(&one, &queue, event("d")).await;
    // The other process counts again within a second.
    let refused = async {
        let mut again = interval(Duration::from_millis(5));
        for number in 0_u32.. {
            again.tick().await;
            let another = event(&format!("e{number}"));
            if other.put(&same, another).await.unwrap() == Put::Full {
                break;
            }
        }
    };
    refused.await;
}

pub(crate) async fn takes_only_what_can_be_named(world: &World) {
    let (inbox, queue) = world.billing().await;
    let refused =
        async |arrived: Arrived| -> Error { inbox.put(&queue, arrived).await.unwrap_err() };
    let error = refused(event("a\0b")).await;
    assert_eq!(error.kind(), ErrorKind::InvalidPayload);
    assert_eq!(
        error.to_string(),
        "message id of 12 bytes: expected 1 to 256 bytes without control characters"
    );
    let nameless = Arrived {
        message_id: String::new(),
        ..event("a")
    };
    assert_eq!(refused(nameless).await.kind(), ErrorKind::InvalidPayload);
    let error = refused(keyed("a", "k\0")).await;
    assert_eq!(error.kind(), ErrorKind::InvalidPayload);
    assert_eq!(
        error.to_string(),
        "an ordering key with a NUL character: expected text without one"
    );
    let heavy = Arrived {
        headers: vec![("h".into(), "x".repeat(20_000))],
        ..event("a")
    };
    assert_eq!(refused(heavy).await.kind(), ErrorKind::TooLarge);
    // None of them has taken room, or harmed others.
    put(&inbox, &queue, event("a")).await;
    let mut member = inbox.join(&queue, 1).unwrap();
    assert_eq!(take(&mut member, 1).await, ["a"]);
}

pub(crate) async fn parks_what_no_member_takes(world: &World) {
    let (inbox, queue) = world.billing().await;
    let mut member = inbox.join(&queue, 8).unwrap();
    let reason = "2.0.0 is not ^1.4\0";
    for (text, expected) in [("a", Put::New), ("b", Put::New), ("a", Put::Duplicate)] {
        let parked = inbox.park(&queue, keyed(text, "k"), reason).await.unwrap();
        assert_eq!(parked, expected);
    }
    put(&inbox, &queue, keyed("c", "k")).await;
    assert_eq!(take(&mut member, 1).await, ["c"], "no key is held up");
    nothing(&mut member, A_WHILE).await;
    let parked = letters(&inbox, Shelf::Parked, 2).await;
    assert_eq!(texts(&parked), ["a", "b"]);
    assert_eq!(parked[0].reason, "2.0.0 is not ^1.4\u{fffd}");
    assert_eq!(parked[0].head.attempt, 1);
    let shelves = inbox.letters();
    let id = parked[0].head.id.clone();
    assert!(shelves.replay(Shelf::Parked, "billing", &id).await.unwrap());
    let delivery = next(&mut member).await;
    assert_eq!((delivery.head.id.clone(), delivery.head.attempt), (id, 1));
    delivery.ack().await.unwrap();
    letters(&inbox, Shelf::Parked, 1).await;
}
