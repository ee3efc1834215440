//! A worker whose store fails for a while.

use std::sync::Arc;
use std::time::Duration;

use polywire_webhook::deliver::{DeliverOptions, Deliverer, SenderOptions};
use polywire_webhook::record::{DeliveryId, DeliveryState};
use tokio::sync::Semaphore;

use crate::log::Log;
use crate::outage::Outage;
use crate::sink::{Sink, status};
use crate::watched::{Ask, Watched};
use crate::world::{World, eventually, new, sender};

/// The shortest first wait after a failure.
const FIRST: Duration = Duration::from_millis(50);
/// How many deliveries there are.
const ALL: usize = 10;

/// A worker behind an outage, that calls itself so.
fn behind(world: &World, outage: &Arc<Outage>, name: &str) -> Deliverer {
    let store = Watched {
        store: world.store.clone(),
        between: outage.clone(),
    };
    let options = DeliverOptions {
        user_agent: name.into(),
        lease: Duration::from_secs(1),
        ..world.options()
    };
    let sender = sender(SenderOptions::default());
    world.start(Arc::new(store), sender, options)
}

/// A sink that answers so many as it is told.
async fn told() -> (Sink, Arc<Semaphore>) {
    let told = Arc::new(Semaphore::new(0));
    let waits = told.clone();
    let sink = Sink::start(move |_| {
        let waits = waits.clone();
        async move {
            waits.acquire().await.unwrap().forget();
            status(204)
        }
    })
    .await;
    (sink, told)
}

async fn ten(world: &World, sink: &Sink) -> Vec<DeliveryId> {
    let id = world.subscribe(&sink.url).await;
    let ten = (0..ALL).map(|number| new(&id, &format!("evt-{number}")));
    world.enqueue(ten.collect()).await
}

/// Waits until the store was asked for something so often in vain.
async fn in_vain(outage: &Outage, ask: Ask, times: usize) {
    eventually(&format!("{times} times {ask:?}"), async || {
        (outage.count(ask) >= times).then_some(())
    })
    .await;
}

/// Each is done by one attempt.
async fn once(world: &World, ids: &[DeliveryId], attempts: u32) {
    for id in ids {
        world.becomes(*id, DeliveryState::Done, attempts).await;
        assert_eq!(world.store.attempts(*id).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_store_that_cannot_lease_is_left_alone_for_longer_each_time() {
    let (log, _guard) = Log::start();
    let world = World::sqlite().await;
    let (outage, sink) = (Arc::<Outage>::default(), Sink::accepting().await);
    outage.begin();
    let deliverer = behind(&world, &outage, "worker");
    let ids = ten(&world, &sink).await;
    in_vain(&outage, Ask::Lease, 4).await;
    outage.was_left_alone(Ask::Lease, FIRST);
    assert_eq!(sink.count(), 0);
    outage.end();
    once(&world, &ids, 1).await;
    assert_eq!(sink.count(), ALL);
    assert_eq!(
        log.count("no webhook deliveries can be leased"),
        1,
        "said once"
    );
    // And once more the next time.
    outage.begin();
    in_vain(&outage, Ask::Lease, 3).await;
    outage.end();
    let again = ten(&world, &sink).await;
    once(&world, &again, 1).await;
    assert_eq!(log.count("no webhook deliveries can be leased"), 2);
    deliverer.drain().await;
}

#[tokio::test]
async fn what_came_of_attempts_is_kept_until_it_can_be_settled() {
    let (log, _guard) = Log::start();
    let world = World::sqlite().await;
    let (outage, (sink, told)) = (Arc::<Outage>::default(), told().await);
    let ids = ten(&world, &sink).await;
    let deliverer = behind(&world, &outage, "worker");
    sink.wait(ALL).await;
    outage.begin();
    told.add_permits(ALL);
    in_vain(&outage, Ask::Settle, 4).await;
    // Its leases are prolonged as little; by the clock of the store, which stands, they do not run out.
    in_vain(&outage, Ask::Extend, 1).await;
    outage.was_left_alone(Ask::Settle, FIRST);
    for id in &ids {
        world.becomes(*id, DeliveryState::Leased, 1).await;
    }
    outage.end();
    once(&world, &ids, 1).await;
    assert_eq!(sink.count(), ALL, "each was sent once");
    assert_eq!(log.count("cannot be settled"), 1, "said once");
    assert_eq!(log.count("cannot be prolonged"), 1, "said once");
    deliverer.drain().await;
}

#[tokio::test]
async fn what_is_settled_after_its_lease_is_void() {
    let world = World::sqlite().await;
    let (outage, (sink, told)) = (Arc::<Outage>::default(), told().await);
    let ids = ten(&world, &sink).await;
    let late = behind(&world, &outage, "late");
    sink.wait(ALL).await;
    outage.begin();
    told.add_permits(2 * ALL);
    in_vain(&outage, Ask::Settle, 1).await;
    world.clock.advance(Duration::from_secs(1));
    let other = world.deliver();
    once(&world, &ids, 2).await;
    let before: Vec<_> = all(&world, &ids).await;
    outage.end();
    // What it still has it settles, or hears that it is lost.
    late.drain().await;
    other.drain().await;
    assert!(outage.settled().iter().all(|settled| !settled));
    assert_eq!(all(&world, &ids).await, before);
    once(&world, &ids, 2).await;
    assert_eq!(sink.count(), 2 * ALL);
    assert!(world.told.all().is_empty());
}

async fn all(world: &World, ids: &[DeliveryId]) -> Vec<polywire_webhook::record::Delivery> {
    let mut all = Vec::new();
    for id in ids {
        all.push(world.delivery(*id).await);
    }
    all
}

#[tokio::test]
async fn a_settlement_whose_answer_is_lost_is_carried_out_once() {
    let world = World::sqlite().await;
    let (outage, sink) = (Arc::<Outage>::default(), Sink::accepting().await);
    outage.mute();
    let deliverer = behind(&world, &outage, "worker");
    let ids = ten(&world, &sink).await;
    once(&world, &ids, 1).await;
    let asked_again = async || (outage.settled().len() > ALL).then_some(());
    eventually("asked again", asked_again).await;
    outage.end();
    deliverer.drain().await;
    let settled = outage.settled();
    let carried_out = settled.iter().filter(|settled| **settled).count();
    assert_eq!(carried_out, ALL, "{settled:?}");
    once(&world, &ids, 1).await;
    assert_eq!(sink.count(), ALL, "each was sent once");
}
