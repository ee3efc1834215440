//! A store that fails once, in the middle of something.

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use polywire_core::{Error, ErrorKind, Result};
use polywire_webhook::record::{
    Attempt, Claim, Delivery, DeliveryId, NewDelivery, Settlement, Subscription, SubscriptionId,
    Terms,
};
use polywire_webhook::schedule::Standing;
use polywire_webhook::server::Server;
use polywire_webhook::store::{
    Backlog, Created, Enqueued, LeaseAsk, LeasedBatch, Once, Page, Replay, Replayed, Store,
    Subscriptions, Sweep, Swept, Updated, Wakes,
};

use crate::world::{copies, keyring, orders, sender, sqlite};

#[derive(Debug)]
struct Faulty {
    store: Arc<dyn Store>,
    /// How many times it enqueues before it fails once.
    left: AtomicIsize,
}

impl Faulty {
    fn count(&self) -> Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            return Err(Error::new(ErrorKind::Unavailable, "the disk is full"));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Faulty {
    async fn create(&self, id: &SubscriptionId, terms: Terms) -> Result<Subscription> {
        self.store.create(id, terms).await
    }

    async fn create_once(&self, once: &Once, id: &SubscriptionId, terms: Terms) -> Result<Created> {
        self.store.create_once(once, id, terms).await
    }

    async fn create_within(
        &self,
        most: usize,
        once: Option<&Once>,
        id: &SubscriptionId,
        terms: Terms,
    ) -> Result<Created> {
        self.store.create_within(most, once, id, terms).await
    }

    async fn once(&self, tenant: &str, key: &str, now: Timestamp) -> Result<Option<Once>> {
        self.store.once(tenant, key, now).await
    }

    async fn count(&self, tenant: &str) -> Result<usize> {
        self.store.count(tenant).await
    }

    async fn generation(&self) -> Result<u64> {
        self.store.generation().await
    }

    async fn last_sequence(&self, id: &SubscriptionId) -> Result<Option<u64>> {
        self.store.last_sequence(id).await
    }

    async fn update(&self, id: &SubscriptionId, revision: u64, terms: Terms) -> Result<Updated> {
        self.store.update(id, revision, terms).await
    }

    async fn stand(&self, id: &SubscriptionId, standing: &Standing) -> Result<bool> {
        self.store.stand(id, standing).await
    }

    async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>> {
        self.store.subscription(id).await
    }

    async fn subscriptions(&self, ask: &Subscriptions) -> Result<Vec<Subscription>> {
        self.store.subscriptions(ask).await
    }

    async fn remove(&self, id: &SubscriptionId) -> Result<bool> {
        self.store.remove(id).await
    }

    async fn enqueue(&self, new: Vec<NewDelivery>) -> Result<Vec<Enqueued>> {
        self.count()?;
        self.store.enqueue(new).await
    }

    async fn park(&self, new: NewDelivery, reason: &str) -> Result<Enqueued> {
        self.store.park(new, reason).await
    }

    async fn backlog(&self, id: &SubscriptionId) -> Result<Backlog> {
        self.store.backlog(id).await
    }

    async fn lease(&self, ask: &LeaseAsk) -> Result<LeasedBatch> {
        self.store.lease(ask).await
    }

    async fn extend(&self, claims: &[Claim], lease: Duration) -> Result<Vec<bool>> {
        self.store.extend(claims, lease).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<bool>> {
        self.store.settle(settlements).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>> {
        self.store.delivery(id).await
    }

    async fn deliveries(&self, page: &Page) -> Result<Vec<Delivery>> {
        self.store.deliveries(page).await
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>> {
        self.store.attempts(id).await
    }

    async fn replay(&self, replay: &Replay) -> Result<Replayed> {
        self.store.replay(replay).await
    }

    async fn acknowledge(&self, id: &SubscriptionId, sequences: &[u64]) -> Result<Vec<bool>> {
        self.store.acknowledge(id, sequences).await
    }

    async fn discard(&self, id: DeliveryId) -> Result<bool> {
        self.store.discard(id).await
    }

    async fn sweep(&self, sweep: &Sweep) -> Result<Swept> {
        self.store.sweep(sweep).await
    }

    fn wakes(&self) -> Wakes {
        self.store.wakes()
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

#[tokio::test]
async fn what_failed_halfway_is_published_again_and_comes_once() {
    let world = sqlite().await;
    let first = world.subscribe(|_| {}).await["id"].clone();
    let terms = world.record(&first).await.terms;
    let mut ids = vec![first.as_str().unwrap().parse().unwrap()];
    for _ in 0..1100 {
        let id = SubscriptionId::random();
        world.store.create(&id, terms.clone()).await.unwrap();
        ids.push(id);
    }
    let faulty = Arc::new(Faulty {
        store: world.store.clone(),
        left: AtomicIsize::new(1),
    });
    let server = Server::start(faulty, keyring(), sender(), world.options())
        .await
        .unwrap();
    server.serve(orders());
    let message = || copies(&["1.4.0"], "evt-1").remove(0);
    let error = server.publisher().publish(message()).await.unwrap_err();
    assert_eq!(error.message(), "the disk is full");
    let have = async |count: u64| {
        let mut have = 0;
        for id in &ids {
            have += usize::from(world.store.last_sequence(id).await.unwrap() == Some(count));
        }
        have
    };
    assert_eq!(have(1).await, 1000, "one batch was durable");
    world.clock.advance(Duration::from_secs(1));
    server.publisher().publish(message()).await.unwrap();
    assert_eq!(have(1).await, 1101, "each has it, and has it once");
    server.close().await;
    world.close().await;
}
