//! Several processes at one store, and what happens when one of them ends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use polywire_core::{ErrorKind, Shelf};
use polywire_webhook::ManualClock;
use polywire_webhook::inbox::Put;
use polywire_webhook::store::Store;
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

use crate::world::{
    A_WHILE, SOON, World, bounds, event, fill, letters, next, nothing, open, options, put, start,
    take, text,
};

fn clock() -> ManualClock {
    ManualClock::at("2026-11-23T06:00:00Z".parse().unwrap())
}

/// Longer than a lease by default.
const LEASE: Duration = Duration::from_secs(31);

pub(crate) async fn share_a_queue(world: &World) {
    const ALL: usize = 200;
    let mut inboxes = Vec::new();
    let (seen, mut all) = mpsc::unbounded_channel();
    let mut members = tokio::task::JoinSet::new();
    for process in 0..2 {
        let (inbox, queue) = world.billing().await;
        let mut member = inbox.join(&queue, 8).unwrap();
        let seen = seen.clone();
        members.spawn(async move {
            while let Some(delivery) = member.next().await {
                assert_eq!(delivery.head.attempt, 1);
                seen.send((process, text(&delivery))).unwrap();
                delivery.ack().await.unwrap();
            }
        });
        inboxes.push((inbox, queue));
    }
    for number in 0..ALL {
        let (inbox, queue) = &inboxes[number % 2];
        put(inbox, queue, event(&number.to_string())).await;
    }
    let (mut texts, mut processes) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..ALL {
        let (process, text) = all.recv().await.unwrap();
        assert!(texts.insert(text), "each once");
        processes.insert(process);
    }
    assert_eq!(processes.len(), 2, "both had their part");
    for (inbox, _) in &inboxes {
        inbox.close().await;
    }
    members.join_all().await;
    assert!(all.try_recv().is_err());
}

pub(crate) async fn lose_nothing_by_a_restart(world: &World) {
    let (inbox, queue) = world.billing().await;
    fill(&inbox, &queue, &["a", "b", "c", "d"]).await;
    let mut member = inbox.join(&queue, 3).unwrap();
    next(&mut member).await.ack().await.unwrap();
    next(&mut member).await.reject("no").await.unwrap();
    let held = next(&mut member).await;
    assert_eq!(text(&held), "c");
    inbox.close().await;
    drop((member, inbox, held));

    let (inbox, queue) = world.billing().await;
    let mut member = inbox.join(&queue, 3).unwrap();
    assert_eq!(take(&mut member, 2).await, ["c", "d"]);
    letters(&inbox, Shelf::Dead, 1).await;
    nothing(&mut member, A_WHILE).await;
    for text in ["a", "b", "c", "d"] {
        assert_eq!(
            inbox.put(&queue, event(text)).await.unwrap(),
            Put::Duplicate
        );
    }
}

pub(crate) async fn take_over_from_one_that_died(world: &World) {
    let clock = clock();
    let one = start(world.store_at(&clock).await, bounds(), options());
    let other = start(world.store_at(&clock).await, bounds(), options());
    let queue = open(&one, "billing").await;
    let same = open(&other, "billing").await;
    fill(&one, &queue, &["a"]).await;
    let mut slow = one.join(&queue, 1).unwrap();
    let mut quick = other.join(&same, 1).unwrap();
    let (held, first) = tokio::select! {
        held = next(&mut slow) => (held, true),
        held = next(&mut quick) => (held, false),
    };
    nothing(if first { &mut quick } else { &mut slow }, A_WHILE).await;
    // As if its process had stood still: its lease runs out.
    clock.advance(LEASE);
    let again = next(if first { &mut quick } else { &mut slow }).await;
    assert_eq!((text(&again), again.head.attempt), ("a".into(), 2));
    let error = held.ack().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        "the verdict could not be kept: its lease has run out, and somebody else may have it; the message is delivered again"
    );
    again.ack().await.unwrap();
    clock.advance(LEASE);
    nothing(&mut quick, A_WHILE).await;
}

pub(crate) async fn hold_on_for_as_long_as_a_member_holds(world: &World) {
    let lease = Duration::from_secs(1);
    let one = start(world.store().await, bounds(), options().lease(lease));
    let queue = open(&one, "billing").await;
    fill(&one, &queue, &["a"]).await;
    let mut member = one.join(&queue, 1).unwrap();
    let held = next(&mut member).await;
    let (other, same) = world.billing().await;
    let mut waiting = other.join(&same, 1).unwrap();
    nothing(&mut waiting, lease * 5 / 2).await;
    held.ack().await.unwrap();

    // One that is gone with all it held does not hold on.
    fill(&one, &queue, &["b"]).await;
    drop(member);
    assert_eq!(take(&mut waiting, 1).await, ["b"]);
    drop(waiting);
    let mut member = one.join(&queue, 1).unwrap();
    fill(&one, &queue, &["c"]).await;
    std::mem::forget(next(&mut member).await);
    drop((member, one));
    let mut waiting = other.join(&same, 1).unwrap();
    let again = next(&mut waiting).await;
    assert_eq!((text(&again), again.head.attempt), ("c".into(), 2));
    again.ack().await.unwrap();
}

pub(crate) async fn set_aside_what_nobody_ever_settles(world: &World) {
    let clock = clock();
    let inbox = start(world.store_at(&clock).await, bounds(), options());
    let queue = open(&inbox, "billing").await;
    fill(&inbox, &queue, &["a"]).await;
    let mut member = inbox.join(&queue, 8).unwrap();
    for attempt in 1..=3 {
        let delivery = next(&mut member).await;
        assert_eq!(delivery.head.attempt, attempt);
        std::mem::forget(delivery);
        clock.advance(LEASE);
    }
    let reading = tokio::spawn(async move { member.next().await.is_none() });
    let dead = letters(&inbox, Shelf::Dead, 1).await;
    assert_eq!(dead[0].reason, "handed out 3 times and never settled");
    inbox.drain().await;
    assert!(reading.await.unwrap(), "it did not come again");
}

/// Waits until nobody but the caller has the store.
async fn until_let_go(store: &Arc<dyn Store>) {
    let alone = async {
        let mut again = interval(Duration::from_millis(5));
        while Arc::strong_count(store) > 1 {
            again.tick().await;
        }
    };
    timeout(SOON / 3, alone)
        .await
        .expect("its tasks have ended");
}

pub(crate) async fn leave_nothing_behind_when_all_is_dropped(world: &World) {
    let store = world.store().await;
    let inbox = start(store.clone(), bounds(), options());
    let queue = open(&inbox, "billing").await;
    fill(&inbox, &queue, &["a", "b"]).await;
    let mut member = inbox.join(&queue, 2).unwrap();
    let held = next(&mut member).await;
    drop(inbox);
    // A member is enough to go on.
    let second = next(&mut member).await;
    second.ack().await.unwrap();
    drop(member);
    held.ack().await.expect("what is held can be settled");
    until_let_go(&store).await;

    let inbox = start(store.clone(), bounds(), options());
    let queue = open(&inbox, "billing").await;
    let mut member = inbox.join(&queue, 2).unwrap();
    nothing(&mut member, A_WHILE).await;
    inbox.close().await;
    drop((inbox, member));
    until_let_go(&store).await;
}

pub(crate) async fn remove_what_is_old(world: &World) {
    let now = jiff::Timestamp::now();
    let clock = ManualClock::at(now);
    let hour = Duration::from_secs(3600);
    let sweeping = options()
        .clock(clock.clone())
        .keep_done(hour)
        .keep_letters(hour * 24)
        .sweep_every(Duration::from_secs(1));
    let inbox = start(world.store().await, bounds(), sweeping);
    let queue = open(&inbox, "billing").await;
    let mut member = inbox.join(&queue, 1).unwrap();
    fill(&inbox, &queue, &["a", "b"]).await;
    next(&mut member).await.ack().await.unwrap();
    next(&mut member).await.reject("no").await.unwrap();
    assert_eq!(inbox.put(&queue, event("a")).await.unwrap(), Put::Duplicate);
    clock.advance(hour * 2);
    let mut again = interval(Duration::from_millis(20));
    while inbox.put(&queue, event("a")).await.unwrap() != Put::New {
        again.tick().await;
    }
    letters(&inbox, Shelf::Dead, 1).await;
    clock.advance(hour * 24);
    letters(&inbox, Shelf::Dead, 0).await;
}
