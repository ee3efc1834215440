//! A real store, with somebody between it and whoever asks it: faults, delays, and what was answered.

#![allow(dead_code, reason = "each test target uses its own part")]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use polywire_core::Result;
use polywire_webhook::record::{
    Attempt, Claim, Delivery, DeliveryId, NewDelivery, Settlement, Subscription, SubscriptionId,
    Terms,
};
use polywire_webhook::schedule::Standing;
use polywire_webhook::store::{
    Backlog, Created, Enqueued, LeaseAsk, LeasedBatch, Once, Page, Replay, Replayed, Store,
    Subscriptions, Sweep, Swept, Updated, Wakes,
};

/// What a store is asked, as far as somebody may stand between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Enqueue,
    Lease,
    Extend,
    Settle,
    Subscription,
    Stand,
}

/// Who stands between.
#[async_trait]
pub(crate) trait Between: Send + Sync + fmt::Debug + 'static {
    /// Before the store is asked. An error is the answer, and the store hears nothing.
    async fn before(&self, asked: Ask) -> Result<()>;

    /// When it has done what it was asked. An error is the answer all the same.
    async fn after(&self, _asked: Ask) -> Result<()> {
        Ok(())
    }

    /// What it leased.
    fn leased(&self, _leased: &LeasedBatch) {}

    /// Which claims it prolonged.
    fn extended(&self, _claims: &[Claim], _extended: &[bool]) {}

    /// Which settlements it carried out.
    fn settled(&self, _settlements: &[Settlement], _settled: &[bool]) {}
}

/// The store.
#[derive(Debug)]
pub(crate) struct Watched<B> {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) between: Arc<B>,
}

#[async_trait]
impl<B: Between> Store for Watched<B> {
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
        self.between.before(Ask::Stand).await?;
        let answer = self.store.stand(id, standing).await?;
        self.between.after(Ask::Stand).await?;
        Ok(answer)
    }

    async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>> {
        self.between.before(Ask::Subscription).await?;
        let answer = self.store.subscription(id).await?;
        self.between.after(Ask::Subscription).await?;
        Ok(answer)
    }

    async fn subscriptions(&self, ask: &Subscriptions) -> Result<Vec<Subscription>> {
        self.store.subscriptions(ask).await
    }

    async fn remove(&self, id: &SubscriptionId) -> Result<bool> {
        self.store.remove(id).await
    }

    async fn enqueue(&self, new: Vec<NewDelivery>) -> Result<Vec<Enqueued>> {
        self.between.before(Ask::Enqueue).await?;
        let answer = self.store.enqueue(new).await?;
        self.between.after(Ask::Enqueue).await?;
        Ok(answer)
    }

    async fn park(&self, new: NewDelivery, reason: &str) -> Result<Enqueued> {
        self.store.park(new, reason).await
    }

    async fn backlog(&self, id: &SubscriptionId) -> Result<Backlog> {
        self.store.backlog(id).await
    }

    async fn lease(&self, ask: &LeaseAsk) -> Result<LeasedBatch> {
        self.between.before(Ask::Lease).await?;
        let answer = self.store.lease(ask).await?;
        self.between.leased(&answer);
        self.between.after(Ask::Lease).await?;
        Ok(answer)
    }

    async fn extend(&self, claims: &[Claim], lease: Duration) -> Result<Vec<bool>> {
        self.between.before(Ask::Extend).await?;
        let answer = self.store.extend(claims, lease).await?;
        self.between.extended(claims, &answer);
        self.between.after(Ask::Extend).await?;
        Ok(answer)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<bool>> {
        self.between.before(Ask::Settle).await?;
        let answer = self.store.settle(settlements.clone()).await?;
        self.between.settled(&settlements, &answer);
        self.between.after(Ask::Settle).await?;
        Ok(answer)
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
