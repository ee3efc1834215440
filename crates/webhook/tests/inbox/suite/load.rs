//! As many as one machine should take in a few seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use polywire_core::Bounds;
use tokio::sync::Notify;

use crate::service::{Orders, command};
use crate::world::{World, bounds, event, put};

/// Far more than it takes, also in a debug build on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

pub(crate) async fn five_thousand_events_for_fifty_members(world: &World) {
    const ALL: usize = 5000;
    let (inbox, queue) = world.billing().await;
    let start = Instant::now();
    let (done, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let mut members = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let mut member = inbox.join(&queue, 32).unwrap();
        let (done, all) = (done.clone(), all.clone());
        members.spawn(async move {
            let mut had = 0;
            while let Some(delivery) = member.next().await {
                assert_eq!(delivery.head.attempt, 1);
                delivery.ack().await.unwrap();
                had += 1;
                if done.fetch_add(1, Ordering::AcqRel) + 1 == ALL {
                    all.notify_one();
                }
            }
            had
        });
    }
    stream::iter(0..ALL)
        .for_each_concurrent(256, |number| {
            let text = number.to_string();
            let (inbox, queue) = (&inbox, &queue);
            async move { put(inbox, queue, event(&text)).await }
        })
        .await;
    all.notified().await;
    let took = start.elapsed();
    assert!(took < BOUND, "{took:?}");
    inbox.drain().await;
    let had: Vec<usize> = members.join_all().await;
    assert_eq!(had.iter().sum::<usize>(), ALL, "each once");
}

pub(crate) async fn a_thousand_commands(world: &World) {
    const ALL: usize = 1000;
    let (inbox, queue) = world
        .billing_within(Bounds {
            command_workers: 64,
            ..bounds()
        })
        .await;
    let start = Instant::now();
    let orders = Orders::new("1.4.0");
    let mut workers = inbox.work(&queue, orders.service()).unwrap();
    stream::iter(0..ALL)
        .for_each_concurrent(256, |number| {
            let text = number.to_string();
            let (inbox, queue) = (&inbox, &queue);
            async move { put(inbox, queue, command(&text, "^1.4")).await }
        })
        .await;
    workers.finish().await;
    let took = start.elapsed();
    assert!(took < BOUND, "{took:?}");
    let mut seen = orders.until(ALL).await;
    seen.dedup_by(|one, other| one.text == other.text);
    assert_eq!(seen.len(), ALL, "each once");
}
