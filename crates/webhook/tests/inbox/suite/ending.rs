//! Draining and closing.

use polywire_core::ErrorKind;

use crate::world::{World, event, fill, next, open, take, text};

pub(crate) async fn draining_ends_members_and_settles_what_they_hold(world: &World) {
    let (inbox, queue) = world.billing().await;
    fill(&inbox, &queue, &["a", "b", "c"]).await;
    let mut member = inbox.join(&queue, 2).unwrap();
    let held = next(&mut member).await;
    assert_eq!(text(&held), "a");
    let mut deliveries = inbox.join(&queue, 1).unwrap().deliveries();
    let third = deliveries.next().await.unwrap();
    assert_eq!(text(&third), "c");
    let waiting = tokio::spawn(async move { deliveries.next().await.is_none() });
    for _ in 0..2 {
        inbox.drain().await;
    }
    assert!(waiting.await.unwrap(), "a member that waits is at its end");
    assert!(
        member.next().await.is_none(),
        "also one with something left"
    );
    let error = inbox.put(&queue, event("d")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(
        error.to_string(),
        "the inbox is draining or closed and takes nothing new"
    );
    assert_eq!(inbox.join(&queue, 1).unwrap_err().kind(), ErrorKind::Closed);
    // What was not taken is free at once, although nothing is closed.
    let (other, same) = world.billing().await;
    let mut taking = other.join(&same, 1).unwrap();
    let delivery = next(&mut taking).await;
    assert_eq!((text(&delivery), delivery.head.attempt), ("b".into(), 1));
    delivery.ack().await.unwrap();
    held.ack().await.unwrap();
    drop(third);
    assert_eq!(take(&mut taking, 1).await, ["c"]);
}

pub(crate) async fn closing_ends_who_waits_and_gives_back_what_is_held(world: &World) {
    let (inbox, queue) = world.billing().await;
    fill(&inbox, &queue, &["a"]).await;
    let mut member = inbox.join(&queue, 1).unwrap();
    let held = next(&mut member).await;
    let waiting = tokio::spawn(async move { member.next().await.is_none() });
    inbox.close().await;
    assert!(waiting.await.unwrap());
    let (other, same) = world.billing().await;
    let mut taking = other.join(&same, 1).unwrap();
    let again = next(&mut taking).await;
    let error = held.ack().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        "the verdict could not be kept: the inbox is closed; the message is delivered again"
    );
    again.ack().await.unwrap();
    let name = queue.name();
    let error = inbox.open(name, crate::world::terms("billing"));
    assert_eq!(error.await.unwrap_err().kind(), ErrorKind::Closed);
    let letters = inbox.letters();
    let error = letters.list(polywire_core::Shelf::Dead, 1).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Closed);
    // The store is not the inbox's to close.
    let queue = open(&other, "billing").await;
    fill(&other, &queue, &["b"]).await;
}

pub(crate) async fn closing_twice_is_closing_once(world: &World) {
    let (inbox, queue) = world.billing().await;
    let member = inbox.join(&queue, 1).unwrap();
    let draining = tokio::spawn({
        let inbox = inbox.clone();
        async move { inbox.drain().await }
    });
    for _ in 0..3 {
        inbox.close().await;
    }
    draining.await.unwrap();
    drop(member);
    inbox.drain().await;
    assert!(format!("{inbox:?}").contains("Closed"), "it stays closed");
}
