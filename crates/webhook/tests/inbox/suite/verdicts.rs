//! What becomes of a message in a member's hands.

use std::time::Duration;

use polywire_core::{Shelf, Verdict};
use tokio::time::Instant;

use crate::world::{A_WHILE, World, event, fill, letters, next, nothing, put, text, texts};

pub(crate) async fn an_acknowledged_message_does_not_come_again(world: &World) {
    let (inbox, queue) = world.billing().await;
    let mut member = inbox.join(&queue, 1).unwrap();
    fill(&inbox, &queue, &["a", "b", "c"]).await;
    for expected in ["a", "b", "c"] {
        let delivery = next(&mut member).await;
        assert_eq!(
            (text(&delivery), delivery.head.attempt),
            (expected.into(), 1)
        );
        delivery.ack().await.unwrap();
    }
    nothing(&mut member, A_WHILE).await;
}

pub(crate) async fn a_retry_is_counted_and_waits(world: &World) {
    let (inbox, queue) = world.billing().await;
    let mut member = inbox.join(&queue, 8).unwrap();
    fill(&inbox, &queue, &["a"]).await;
    let start = Instant::now();
    let wait = Duration::from_millis(300);
    next(&mut member).await.retry(wait).await.unwrap();
    let delivery = next(&mut member).await;
    let took = start.elapsed();
    assert!(
        took >= wait,
        "asked to wait {wait:?}, it came after {took:?}"
    );
    assert_eq!((text(&delivery), delivery.head.attempt), ("a".into(), 2));
    // Without a wait it is the policy's.
    let verdict = Verdict::Retry { after: None };
    delivery.settle(verdict).await.unwrap();
    let delivery = next(&mut member).await;
    assert_eq!(delivery.head.attempt, 3);
    delivery.ack().await.unwrap();
}

pub(crate) async fn the_last_attempt_is_dead(world: &World) {
    let (inbox, queue) = world.billing().await;
    let mut member = inbox.join(&queue, 8).unwrap();
    fill(&inbox, &queue, &["a"]).await;
    for attempt in 1..=3 {
        let delivery = next(&mut member).await;
        assert_eq!(delivery.head.attempt, attempt);
        delivery.retry(Duration::ZERO).await.unwrap();
    }
    let dead = letters(&inbox, Shelf::Dead, 1).await;
    assert_eq!(dead[0].group, "billing");
    assert_eq!(dead[0].reason, "failed on attempt 3 of 3");
    assert_eq!(dead[0].head.attempt, 3);
    nothing(&mut member, A_WHILE).await;
}

pub(crate) async fn what_is_rejected_or_parked_is_set_aside(world: &World) {
    let (inbox, queue) = world.billing().await;
    let mut member = inbox.join(&queue, 1).unwrap();
    fill(&inbox, &queue, &["a", "b", "c"]).await;
    next(&mut member)
        .await
        .reject("no \0 customer")
        .await
        .unwrap();
    let reason = "not for ^1.5".to_owned();
    let parked = next(&mut member).await.settle(Verdict::Park { reason });
    parked.await.unwrap();
    assert_eq!(text(&next(&mut member).await), "c");
    let dead = letters(&inbox, Shelf::Dead, 1).await;
    assert_eq!(texts(&dead), ["a"]);
    assert_eq!(dead[0].reason, "no \u{fffd} customer");
    let parked = letters(&inbox, Shelf::Parked, 1).await;
    assert_eq!(texts(&parked), ["b"]);
    assert_eq!(parked[0].reason, "not for ^1.5");
}

pub(crate) async fn what_is_dropped_returns_at_once_until_it_is_dead(world: &World) {
    let (inbox, queue) = world.billing().await;
    let mut member = inbox.join(&queue, 1).unwrap();
    fill(&inbox, &queue, &["a"]).await;
    for attempt in 1..=3 {
        let delivery = next(&mut member).await;
        assert_eq!(delivery.head.attempt, attempt);
    }
    let dead = letters(&inbox, Shelf::Dead, 1).await;
    assert_eq!(dead[0].reason, "came back unsettled 3 times");
    // Those that came back do not count as failures.
    put(&inbox, &queue, event("b")).await;
    for _ in 0..2 {
        drop(next(&mut member).await);
    }
    for _ in 0..2 {
        next(&mut member).await.retry(Duration::ZERO).await.unwrap();
    }
    let delivery = next(&mut member).await;
    assert_eq!(delivery.head.attempt, 5);
    delivery.ack().await.unwrap();
    letters(&inbox, Shelf::Dead, 1).await;
}

pub(crate) async fn what_cannot_be_read_is_set_aside(world: &World) {
    let (inbox, queue) = world.billing().await;
    let mut member = inbox.join(&queue, 1).unwrap();
    fill(&inbox, &queue, &["unreadable", "harmful", "c"]).await;
    assert_eq!(text(&next(&mut member).await), "c");
    let dead = letters(&inbox, Shelf::Dead, 2).await;
    assert_eq!(texts(&dead), ["unreadable", "harmful"]);
    assert_eq!(dead[0].reason, "cannot be read: no text for people");
    assert_eq!(
        dead[1].reason,
        "cannot be read: its reader failed unexpectedly; see the log"
    );
}

pub(crate) async fn many_are_settled_at_once(world: &World) {
    let (inbox, queue) = world.billing().await;
    let all: Vec<_> = (0..300).map(|number| event(&number.to_string())).collect();
    let put = all.into_iter().map(|arrived| put(&inbox, &queue, arrived));
    futures_util::future::join_all(put).await;
    let mut member = inbox.join(&queue, 300).unwrap();
    let mut held = Vec::new();
    for _ in 0..300 {
        held.push(next(&mut member).await);
    }
    // One whose verdict was never begun is dropped, and comes again.
    drop(held.remove(0).ack());
    let acks = held.into_iter().map(polywire_core::Delivery::ack);
    for acked in futures_util::future::join_all(acks).await {
        acked.unwrap();
    }
    let again = next(&mut member).await;
    assert_eq!(again.head.attempt, 2);
    again.ack().await.unwrap();
    nothing(&mut member, A_WHILE).await;
}
