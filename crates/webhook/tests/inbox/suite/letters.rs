//! What was set aside.

use polywire_core::contract::Name;
use polywire_core::{Bounds, ErrorKind, MessageId, Shelf};

use crate::world::{World, bounds, event, fill, letters, next, open, put, take, text, texts};

pub(crate) async fn are_listed_oldest_first(world: &World) {
    let (inbox, billing) = world.billing().await;
    let shipping = open(&inbox, "shipping").await;
    for (queue, text) in [(&billing, "a"), (&shipping, "b"), (&billing, "c")] {
        let mut member = inbox.join(queue, 1).unwrap();
        put(&inbox, queue, event(text)).await;
        next(&mut member).await.reject("no").await.unwrap();
    }
    let dead = letters(&inbox, Shelf::Dead, 3).await;
    let mut found: Vec<_> = dead.iter().map(|letter| letter.at).collect();
    assert!(found.is_sorted());
    found.dedup();
    let groups: Vec<_> = dead.iter().map(|letter| letter.group.as_str()).collect();
    assert_eq!(
        groups.iter().filter(|group| **group == "billing").count(),
        2
    );
    let shelves = inbox.letters();
    let some = shelves.list(Shelf::Dead, 2).await.unwrap();
    assert_eq!(some.len(), 2);
    assert!(shelves.list(Shelf::Dead, 0).await.unwrap().is_empty());
    assert!(shelves.list(Shelf::Parked, 10).await.unwrap().is_empty());
    // Another process sees them too, without a queue of its own.
    let other = crate::world::start(world.store().await, bounds(), crate::world::options());
    let found = other.letters().list(Shelf::Dead, 10).await.unwrap();
    assert_eq!(texts(&found), texts(&dead));
}

pub(crate) async fn are_replayed_with_a_fresh_count(world: &World) {
    let (inbox, queue) = world.billing().await;
    let mut member = inbox.join(&queue, 1).unwrap();
    fill(&inbox, &queue, &["a"]).await;
    for _ in 0..3 {
        drop(next(&mut member).await);
    }
    let letter = letters(&inbox, Shelf::Dead, 1).await.remove(0);
    let shelves = inbox.letters();
    let id = &letter.head.id;
    for (shelf, group) in [(Shelf::Parked, "billing"), (Shelf::Dead, "shipping")] {
        assert!(!shelves.replay(shelf, group, id).await.unwrap());
    }
    assert!(shelves.replay(Shelf::Dead, "billing", id).await.unwrap());
    assert!(!shelves.replay(Shelf::Dead, "billing", id).await.unwrap());
    letters(&inbox, Shelf::Dead, 0).await;
    let delivery = next(&mut member).await;
    assert_eq!((text(&delivery), delivery.head.attempt), ("a".into(), 1));
    delivery.ack().await.unwrap();
}

pub(crate) async fn are_not_replayed_into_a_full_queue(world: &World) {
    let (inbox, queue) = world
        .billing_within(Bounds {
            max_messages: 1,
            ..bounds()
        })
        .await;
    let mut member = inbox.join(&queue, 1).unwrap();
    fill(&inbox, &queue, &["a"]).await;
    next(&mut member).await.reject("no").await.unwrap();
    fill(&inbox, &queue, &["b"]).await;
    let id = MessageId::parse("a").unwrap();
    let shelves = inbox.letters();
    let error = shelves
        .replay(Shelf::Dead, "billing", &id)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(
        error.to_string(),
        "queue orders/shipped/billing is full: replay later"
    );
    assert_eq!(take(&mut member, 1).await, ["b"]);
    assert!(shelves.replay(Shelf::Dead, "billing", &id).await.unwrap());
    assert_eq!(take(&mut member, 1).await, ["a"]);
}

pub(crate) async fn are_discarded_for_good(world: &World) {
    let (inbox, queue) = world.billing().await;
    let mut member = inbox.join(&queue, 1).unwrap();
    fill(&inbox, &queue, &["a", "b"]).await;
    for _ in 0..2 {
        next(&mut member).await.reject("no").await.unwrap();
    }
    let shelves = inbox.letters();
    let id = MessageId::parse("a").unwrap();
    assert!(shelves.discard(Shelf::Dead, "billing", &id).await.unwrap());
    assert!(!shelves.discard(Shelf::Dead, "billing", &id).await.unwrap());
    assert!(!shelves.replay(Shelf::Dead, "billing", &id).await.unwrap());
    assert_eq!(texts(&letters(&inbox, Shelf::Dead, 1).await), ["b"]);
}

pub(crate) async fn show_what_cannot_be_read(world: &World) {
    let (inbox, queue) = world.billing().await;
    put(&inbox, &queue, event("unreadable")).await;
    let member = tokio::spawn({
        let mut member = inbox.join(&queue, 1).unwrap();
        async move { member.next().await.is_none() }
    });
    let letter = letters(&inbox, Shelf::Dead, 1).await.remove(0);
    assert_eq!(letter.head.id, MessageId::parse("unreadable").unwrap());
    assert_eq!(letter.head.interaction, Name::from_static("shipped"));
    assert_eq!(letter.head.contract, crate::world::ORDERS);
    let shelves = inbox.letters();
    let id = &letter.head.id;
    assert!(shelves.replay(Shelf::Dead, "billing", id).await.unwrap());
    letters(&inbox, Shelf::Dead, 1).await;
    assert!(shelves.discard(Shelf::Dead, "billing", id).await.unwrap());
    inbox.drain().await;
    assert!(member.await.unwrap(), "it saw nothing");
}
