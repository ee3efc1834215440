//! Stores that fail or take their time, and leases that run out meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use polywire_core::{Result, Shelf};
use polywire_webhook::ManualClock;
use polywire_webhook::record::DeliveryState;
use polywire_webhook::store::{Page, Store, Subscriptions};
use tokio::sync::Semaphore;
use tokio::time::{interval, timeout};

use crate::outage::Outage;
use crate::watched::{Ask, Between, Watched};
use crate::world::{
    A_WHILE, SOON, World, bounds, event, fill, letters, next, open, options, put, start, take, text,
};

/// How often an inbox looks that is not told.
const POLL: Duration = Duration::from_millis(20);

async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let look = async {
        let mut again = interval(Duration::from_millis(5));
        while !holds().await {
            again.tick().await;
        }
    };
    timeout(SOON / 3, look).await.expect(what);
}

pub(crate) async fn are_waited_for_longer_each_time(world: &World) {
    let outage = Arc::<Outage>::default();
    let watched = Watched {
        store: world.store().await,
        between: outage.clone(),
    };
    let inbox = start(Arc::new(watched), bounds(), options().poll(POLL));
    let queue = open(&inbox, "billing").await;
    fill(&inbox, &queue, &["a", "b"]).await;
    outage.begin();
    let mut member = inbox.join(&queue, 2).unwrap();
    let often = async || outage.count(Ask::Lease) > 4;
    eventually("asked again and again", often).await;
    outage.was_left_alone(Ask::Lease, 2 * POLL);
    outage.end();
    assert_eq!(take(&mut member, 2).await, ["a", "b"], "nothing is lost");
    // The next time it begins with a short wait again.
    outage.begin();
    eventually("asked again", async || outage.count(Ask::Lease) > 2).await;
    outage.was_left_alone(Ask::Lease, 2 * POLL);
    outage.end();
    put(&inbox, &queue, event("c")).await;
    assert_eq!(take(&mut member, 1).await, ["c"]);
    inbox.close().await;
}

/// A store whose answer to a lease takes its time.
#[derive(Debug)]
struct Slow {
    /// Added to when something was leased.
    leased: Semaphore,
    told: Semaphore,
}

#[async_trait]
impl Between for Slow {
    async fn before(&self, _: Ask) -> Result<()> {
        Ok(())
    }

    async fn after(&self, asked: Ask) -> Result<()> {
        if asked == Ask::Lease {
            self.leased.add_permits(1);
            self.told.acquire().await.unwrap().forget();
        }
        Ok(())
    }
}

pub(crate) async fn are_waited_for_by_a_drain(world: &World) {
    let slow = Arc::new(Slow {
        leased: Semaphore::new(0),
        told: Semaphore::new(0),
    });
    let store = world.store().await;
    let watched = Watched {
        store: store.clone(),
        between: slow.clone(),
    };
    let inbox = start(Arc::new(watched), bounds(), options());
    let queue = open(&inbox, "billing").await;
    fill(&inbox, &queue, &["a"]).await;
    let mut member = inbox.join(&queue, 1).unwrap();
    let leased = timeout(SOON / 3, slow.leased.acquire()).await;
    leased.expect("a lease").unwrap().forget();
    let draining = inbox.drain();
    tokio::pin!(draining);
    let early = timeout(A_WHILE, &mut draining).await;
    assert!(early.is_err(), "what is being leased is not given back yet");
    assert_eq!(states(&*store).await, [DeliveryState::Leased]);
    slow.told.add_permits(Semaphore::MAX_PERMITS / 2);
    timeout(SOON / 3, draining).await.expect("the drain");
    assert_eq!(
        states(&*store).await,
        [DeliveryState::Ready],
        "for others at once"
    );
    assert!(member.next().await.is_none());
    let (other, same) = world.billing().await;
    let mut member = other.join(&same, 1).unwrap();
    let again = next(&mut member).await;
    assert_eq!(
        (text(&again), again.head.attempt),
        ("a".into(), 1),
        "nobody had it"
    );
    again.ack().await.unwrap();
    inbox.close().await;
}

async fn states(store: &dyn Store) -> Vec<DeliveryState> {
    let mut states = Vec::new();
    for queue in store
        .subscriptions(&Subscriptions::default())
        .await
        .unwrap()
    {
        let page = Page {
            subscription: queue.id,
            state: None,
            after: 0,
            limit: Page::MAX,
        };
        let found = store.deliveries(&page).await.unwrap();
        states.extend(found.iter().map(|delivery| delivery.state));
    }
    states
}

pub(crate) async fn leave_to_others_what_no_member_has_taken(world: &World) {
    let clock = ManualClock::at(jiff::Timestamp::now());
    let lease = Duration::from_secs(1);
    let one = start(
        world.store_at(&clock).await,
        bounds(),
        options().lease(lease),
    );
    let queue = open(&one, "billing").await;
    let mut late = one.join(&queue, 2).unwrap();
    fill(&one, &queue, &["a", "b"]).await;
    let held = |count: usize| format!("held: {count}");
    eventually("handed to the member", async || {
        format!("{one:?}").contains(&held(2))
    })
    .await;
    // Whose leases outlive all of this.
    let long = options().lease(Duration::from_secs(3600));
    let other = start(world.store_at(&clock).await, bounds(), long);
    let same = open(&other, "billing").await;
    let mut member = other.join(&same, 2).unwrap();
    // The first one prolongs its leases, but time runs faster than it does.
    let faster = async {
        let mut again = interval(POLL);
        loop {
            again.tick().await;
            clock.advance(lease);
        }
    };
    let taken = async { [next(&mut member).await, next(&mut member).await] };
    let taken = tokio::select! {
        taken = taken => taken,
        () = faster => unreachable!("it does not end"),
    };
    eventually("known to be lost", async || {
        format!("{one:?}").contains(&held(0))
    })
    .await;
    for delivery in taken {
        delivery.ack().await.unwrap();
    }
    drop(member);
    put(&one, &queue, event("c")).await;
    let first = next(&mut late).await;
    assert_eq!(text(&first), "c", "what others have is not handed out");
    first.ack().await.unwrap();
}

pub(crate) async fn are_not_needed_to_know_when_a_retry_is_due(world: &World) {
    // Nobody looks in the meantime.
    let rarely = options().poll(Duration::from_secs(60));
    let inbox = start(world.store().await, bounds(), rarely);
    let queue = open(&inbox, "billing").await;
    let mut member = inbox.join(&queue, 2).unwrap();
    fill(&inbox, &queue, &["a", "b"]).await;
    let (a, b) = (next(&mut member).await, next(&mut member).await);
    let begun = Instant::now();
    let (soon, late) = (Duration::from_millis(100), Duration::from_millis(400));
    for delivery in [a, b] {
        let wait = if text(&delivery) == "a" { late } else { soon };
        delivery.retry(wait).await.unwrap();
    }
    for (wanted, wait) in [("b", soon), ("a", late)] {
        let delivery = next(&mut member).await;
        assert_eq!((text(&delivery), delivery.head.attempt), (wanted.into(), 2));
        assert!(begun.elapsed() >= wait, "{wanted} not before it is due");
        delivery.ack().await.unwrap();
    }
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "and not by chance"
    );
}

pub(crate) async fn let_nobody_count_what_came_back_before_a_replay(world: &World) {
    let (one, queue) = world.billing().await;
    fill(&one, &queue, &["a"]).await;
    let mut member = one.join(&queue, 1).unwrap();
    for _ in 0..2 {
        drop(next(&mut member).await);
    }
    drop(member);
    // Another one sets it aside, which the first does not hear of.
    let (other, same) = world.billing().await;
    let mut elsewhere = other.join(&same, 1).unwrap();
    next(&mut elsewhere).await.reject("no").await.unwrap();
    drop(elsewhere);
    let letter = letters(&one, Shelf::Dead, 1).await.remove(0);
    let shelves = one.letters();
    let replayed = shelves.replay(Shelf::Dead, "billing", &letter.head.id);
    assert!(replayed.await.unwrap());
    let mut member = one.join(&queue, 1).unwrap();
    for attempt in 1..=3 {
        let delivery = next(&mut member).await;
        assert_eq!(delivery.head.attempt, attempt);
        drop(delivery);
    }
    let dead = letters(&one, Shelf::Dead, 1).await;
    assert_eq!(dead[0].reason, "came back unsettled 3 times");
}
