//! Members that share a queue.

use std::collections::{BTreeMap, BTreeSet};

use polywire_core::Delivery;
use tokio::sync::mpsc;

use crate::world::{A_WHILE, World, event, fill, keyed, next, nothing, open, put, take, text};

pub(crate) async fn hold_no_more_than_their_prefetch(world: &World) {
    let (inbox, queue) = world.billing().await;
    let mut member = inbox.join(&queue, 2).unwrap();
    fill(&inbox, &queue, &["a", "b", "c", "d"]).await;
    let first = next(&mut member).await;
    let second = next(&mut member).await;
    nothing(&mut member, A_WHILE).await;
    first.ack().await.unwrap();
    let third = next(&mut member).await;
    assert_eq!(text(&third), "c");
    nothing(&mut member, A_WHILE).await;
    second.ack().await.unwrap();
    third.ack().await.unwrap();
    assert_eq!(take(&mut member, 1).await, ["d"]);
}

pub(crate) async fn take_turns(world: &World) {
    let (inbox, queue) = world.billing().await;
    let mut members: Vec<_> = (0..4).map(|_| inbox.join(&queue, 2).unwrap()).collect();
    let texts: Vec<_> = (0..8).map(|number| number.to_string()).collect();
    for text in &texts {
        put(&inbox, &queue, event(text)).await;
    }
    let mut seen = BTreeSet::new();
    let mut held: Vec<Delivery> = Vec::new();
    for member in &mut members {
        for _ in 0..2 {
            let delivery = next(member).await;
            seen.insert(text(&delivery));
            held.push(delivery);
        }
    }
    assert_eq!(seen, texts.into_iter().collect(), "to each as many");
}

pub(crate) async fn leave_what_they_have_not_taken_to_others(world: &World) {
    let (inbox, queue) = world.billing().await;
    fill(&inbox, &queue, &["a", "b", "c"]).await;
    let mut leaving = inbox.join(&queue, 8).unwrap();
    let held = next(&mut leaving).await;
    assert_eq!(text(&held), "a");
    let mut staying = inbox.join(&queue, 8).unwrap();
    nothing(&mut staying, A_WHILE).await;
    drop(leaving);
    for _ in 0..2 {
        let delivery = next(&mut staying).await;
        assert_eq!(delivery.head.attempt, 1, "nobody has tried {delivery:?}");
        delivery.ack().await.unwrap();
    }
    drop(held);
    let again = next(&mut staying).await;
    assert_eq!((text(&again), again.head.attempt), ("a".into(), 2));
    again.ack().await.unwrap();
}

pub(crate) async fn keep_the_order_of_a_key(world: &World) {
    const EACH: usize = 20;
    let (inbox, queue) = world.billing().await;
    let (seen, mut all) = mpsc::unbounded_channel();
    let mut members = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let mut member = inbox.join(&queue, 16).unwrap();
        let seen = seen.clone();
        members.spawn(async move {
            while let Some(delivery) = member.next().await {
                // The first of each key fails once, and holds up its key alone.
                if text(&delivery).ends_with("-00") && delivery.head.attempt == 1 {
                    delivery.retry(A_WHILE).await.unwrap();
                    continue;
                }
                let key = delivery.head.ordering_key.clone();
                seen.send((key, text(&delivery))).unwrap();
                delivery.ack().await.unwrap();
            }
        });
    }
    for number in 0..EACH {
        for key in ["k1", "k2", "k3"] {
            put(&inbox, &queue, keyed(&format!("{key}-{number:02}"), key)).await;
        }
    }
    put(&inbox, &queue, event("free")).await;
    let mut by_key: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for _ in 0..=3 * EACH {
        let (key, text) = all.recv().await.unwrap();
        by_key.entry(key).or_default().push(text);
    }
    assert_eq!(by_key.remove(&None).unwrap(), ["free"]);
    assert_eq!(by_key.len(), 3);
    for texts in by_key.values() {
        assert!(texts.is_sorted(), "{texts:?}");
    }
    inbox.drain().await;
    members.join_all().await;
}

pub(crate) async fn of_two_queues_do_not_hold_each_other_up(world: &World) {
    let (inbox, slow) = world.billing().await;
    let fast = open(&inbox, "shipping").await;
    let stuck = inbox.join(&slow, 1).unwrap();
    let mut member = inbox.join(&fast, 64).unwrap();
    for number in 0..50 {
        let text = number.to_string();
        put(&inbox, &slow, event(&text)).await;
        put(&inbox, &fast, event(&text)).await;
    }
    assert_eq!(take(&mut member, 50).await.len(), 50);
    drop(stuck);
}
