//! Claims while attempts are under way: what ends, what goes back, and what another worker takes over.

use std::sync::Arc;
use std::time::Duration;

use polywire_webhook::deliver::{DeliverOptions, Deliverer};
use polywire_webhook::record::{DeliveryId, DeliveryState, SubscriptionId};
use polywire_webhook::schedule::EndpointLimits;
use tokio::sync::Semaphore;

use crate::sink::{Sink, status};
use crate::world::{Data, World, eventually, new};

/// How long deliveries are leased: as short as may be.
const LEASE: Duration = Duration::from_secs(1);

/// A sink that answers those of one user agent only when told, with that status, and all others at once.
async fn holding(code: u16) -> (Sink, Arc<Semaphore>) {
    let told = Arc::new(Semaphore::new(0));
    let waits = told.clone();
    let sink = Sink::start(move |seen| {
        let waits = waits.clone();
        async move {
            if seen.header("user-agent") != "slow" {
                return status(204);
            }
            let _told = waits.acquire().await;
            status(code)
        }
    })
    .await;
    (sink, told)
}

/// A worker that waits for the sink's word, two attempts at a time.
fn slow(world: &World) -> Deliverer {
    let endpoint = EndpointLimits {
        concurrency: 2,
        ..EndpointLimits::default()
    };
    world.deliver_with(DeliverOptions {
        user_agent: "slow".into(),
        lease: LEASE,
        endpoint,
        // Whose leases run out by the clock of a test would be the first to have them again.
        poll: Duration::from_secs(60),
        ..world.options()
    })
}

async fn ten(world: &World, sink: &Sink) -> (SubscriptionId, Vec<DeliveryId>) {
    let id = world.subscribe(&sink.url).await;
    let ten = (0..10).map(|n| new(&id, &format!("evt-{n}"))).collect();
    let ids = world.enqueue(ten).await;
    (id, ids)
}

/// How many are in a state.
async fn count(world: &World, ids: &[DeliveryId], state: DeliveryState) -> usize {
    let mut count = 0;
    for id in ids {
        count += usize::from(world.delivery(*id).await.state == state);
    }
    count
}

#[tokio::test]
async fn stopping_gives_back_what_has_not_begun() {
    let world = World::sqlite().await;
    let (sink, told) = holding(204).await;
    let (_, ids) = ten(&world, &sink).await;
    let deliverer = slow(&world);
    sink.wait(2).await;
    let stopping = deliverer.stop();
    tokio::pin!(stopping);
    let given_back = eventually("given back", async || {
        (count(&world, &ids, DeliveryState::Ready).await == 8).then_some(())
    });
    tokio::select! {
        () = &mut stopping => panic!("two attempts are under way"),
        () = given_back => {}
    }
    told.add_permits(2);
    stopping.await;
    assert_eq!(sink.count(), 2);
    assert_eq!(count(&world, &ids, DeliveryState::Done).await, 2);
    for id in &ids {
        let delivery = world.delivery(*id).await;
        let attempts = u32::from(delivery.state == DeliveryState::Done);
        assert_eq!(
            delivery.attempts, attempts,
            "what had not begun does not count"
        );
    }
}

async fn a_dropped_worker_loses_nothing(data: Data) {
    let world = World::new(data).await;
    let (sink, _told) = holding(204).await;
    let (_, ids) = ten(&world, &sink).await;
    let deliverer = slow(&world);
    sink.wait(2).await;
    drop(deliverer);
    eventually("it has hung up", async || {
        (sink.connections() == 0).then_some(())
    })
    .await;
    let next = world.deliver();
    world.everything_due(&sink).await;
    assert_eq!(
        count(&world, &ids, DeliveryState::Leased).await,
        10,
        "its leases still run"
    );
    world.clock.advance(LEASE);
    for id in &ids {
        world.becomes(*id, DeliveryState::Done, 2).await;
    }
    next.drain().await;
    for id in ids {
        assert_eq!(
            world.store.attempts(id).await.unwrap().len(),
            1,
            "one came to an end"
        );
    }
}

#[tokio::test]
async fn a_dropped_worker_loses_nothing_over_sqlite() {
    a_dropped_worker_loses_nothing(Data::sqlite()).await;
}

#[tokio::test]
async fn a_dropped_worker_loses_nothing_over_postgres() {
    a_dropped_worker_loses_nothing(Data::postgres().await).await;
}

#[tokio::test]
async fn an_attempt_longer_than_its_lease_keeps_its_claim() {
    let world = World::real(Data::sqlite()).await;
    let (sink, told) = holding(204).await;
    let (_, ids) = ten(&world, &sink).await;
    let begun = std::time::Instant::now();
    let deliverer = slow(&world);
    sink.wait(2).await;
    let other = world.deliver();
    // Three leases long, another worker asks every few milliseconds.
    eventually("three leases", async || {
        assert_eq!(count(&world, &ids, DeliveryState::Leased).await, 10);
        (begun.elapsed() >= LEASE * 3).then_some(())
    })
    .await;
    told.add_permits(10);
    for id in ids {
        world.becomes(id, DeliveryState::Done, 1).await;
    }
    deliverer.drain().await;
    other.drain().await;
    assert_eq!(sink.ids("/").len(), 10, "each once");
}

/// A worker whose claims another one has taken meanwhile, before its sink has answered.
async fn lost(data: Data) {
    let world = World::new(data).await;
    let (sink, _told) = holding(500).await;
    let (id, ids) = ten(&world, &sink).await;
    let deliverer = slow(&world);
    sink.wait(2).await;
    // Time passes all at once, before it could prolong anything.
    world.clock.advance(LEASE * 2);
    let other = world.deliver();
    for id in &ids {
        eventually("done by the other", async || {
            (world.delivery(*id).await.state == DeliveryState::Done).then_some(())
        })
        .await;
    }
    let before: Vec<_> = snapshot(&world, &ids).await;
    other.drain().await;
    // The attempts end without an answer. What waited behind them is not begun, but for what was leased a moment later and
    // so is heard of a moment later: two in the places of the first two.
    eventually("abandoned", async || {
        (sink
            .seen()
            .iter()
            .filter(|seen| seen.header("user-agent") == "slow")
            .count()
            >= 2
            && sink.under_way() == 0)
            .then_some(())
    })
    .await;
    deliverer.drain().await;
    assert!(
        (12..=14).contains(&sink.count()),
        "{} requests: what was lost was begun",
        sink.count()
    );
    assert_eq!(snapshot(&world, &ids).await, before);
    assert_eq!(
        world.get(&id).await.standing,
        polywire_webhook::schedule::Standing::default()
    );
}

async fn snapshot(
    world: &World,
    ids: &[DeliveryId],
) -> Vec<(polywire_webhook::record::Delivery, usize)> {
    let mut all = Vec::new();
    for id in ids {
        let attempts = world.store.attempts(*id).await.unwrap();
        all.push((world.delivery(*id).await, attempts.len()));
        assert_eq!(attempts.len(), 1, "completed once");
        assert_eq!(attempts[0].outcome, "status 204");
    }
    all
}

#[tokio::test]
async fn a_lost_claim_ends_its_attempt_over_sqlite() {
    lost(Data::sqlite()).await;
}

#[tokio::test]
async fn a_lost_claim_ends_its_attempt_over_postgres() {
    lost(Data::postgres().await).await;
}
