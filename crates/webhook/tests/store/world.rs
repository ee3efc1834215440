//! A store to test, its clock, and short words for what every case does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use polywire_core::contract::{Name, Requirement, Version};
use polywire_webhook::ManualClock;
use polywire_webhook::record::{
    Body, Claim, Delivery, DeliveryId, DeliveryState, Fate, Float, KeepOrder, Leased, NewDelivery,
    OnSunset, Settlement, State, Subscription, SubscriptionId, Terms,
};
use polywire_webhook::store::{Enqueued, LeaseAsk, Of, Page, Store};

/// How long a case may take.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// How long a lease is.
pub(crate) const LEASE: Duration = Duration::from_secs(90);

/// Opens the same data again, as another process would.
#[async_trait]
pub(crate) trait Reopen: Send + Sync {
    async fn open(&self, clock: ManualClock) -> Arc<dyn Store>;
}

pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: ManualClock,
    reopen: Arc<dyn Reopen>,
}

impl World {
    pub(crate) async fn new(reopen: impl Reopen + 'static) -> Self {
        let clock = ManualClock::at(start());
        Self {
            store: reopen.open(clock.clone()).await,
            clock,
            reopen: Arc::new(reopen),
        }
    }

    /// The same world, with its store opened again.
    pub(crate) async fn again(&self) -> Self {
        let (store, clock, reopen) = (
            self.another().await,
            self.clock.clone(),
            self.reopen.clone(),
        );
        Self {
            store,
            clock,
            reopen,
        }
    }

    /// Another store over the same data.
    pub(crate) async fn another(&self) -> Arc<dyn Store> {
        self.reopen.open(self.clock.clone()).await
    }

    /// A subscription that delivers.
    pub(crate) async fn subscribe(&self) -> SubscriptionId {
        let id = SubscriptionId::random();
        self.store
            .create(&id, terms("acme", "orders"))
            .await
            .unwrap();
        id
    }

    pub(crate) async fn get(&self, id: &SubscriptionId) -> Subscription {
        self.store.subscription(id).await.unwrap().unwrap()
    }

    pub(crate) async fn enqueue(&self, new: Vec<NewDelivery>) -> Vec<Enqueued> {
        self.store.enqueue(new).await.unwrap()
    }

    /// Enqueues deliveries named `prefix-1` and so on.
    pub(crate) async fn fill(&self, id: &SubscriptionId, prefix: &str, count: usize) {
        let new = (1..=count).map(|number| new(id, &format!("{prefix}-{number}")));
        self.enqueue(new.collect()).await;
    }

    pub(crate) async fn lease(&self, limit: usize) -> Vec<Leased> {
        lease(&*self.store, limit).await
    }

    pub(crate) async fn settle(&self, claim: Claim, fate: Fate) -> bool {
        let settlement = Settlement {
            claim,
            fate,
            attempt: None,
        };
        self.store.settle(vec![settlement]).await.unwrap()[0]
    }

    /// Leases what is due and settles all of it alike.
    pub(crate) async fn all(&self, fate: Fate) -> Vec<String> {
        let leased = self.lease(1000).await;
        for leased in &leased {
            assert!(self.settle(leased.claim, fate.clone()).await);
        }
        names(&leased)
    }

    pub(crate) async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.store.delivery(id).await.unwrap().unwrap()
    }

    /// The states of a subscription's deliveries, by `webhook-id`.
    pub(crate) async fn states(&self, id: &SubscriptionId) -> BTreeMap<String, DeliveryState> {
        let page = Page {
            subscription: id.clone(),
            state: None,
            after: 0,
            limit: Page::MAX,
        };
        let found = self.store.deliveries(&page).await.unwrap();
        found
            .into_iter()
            .map(|delivery| (delivery.webhook_id, delivery.state))
            .collect()
    }
}

pub(crate) async fn lease(store: &dyn Store, limit: usize) -> Vec<Leased> {
    store.lease(&ask(limit)).await.unwrap().deliveries
}

pub(crate) fn ask(limit: usize) -> LeaseAsk {
    LeaseAsk {
        limit,
        per_subscription: limit,
        lease: LEASE,
        of: Of::all(),
    }
}

pub(crate) fn start() -> Timestamp {
    "2026-11-23T06:00:00Z".parse().unwrap()
}

pub(crate) fn terms(tenant: &str, contract: &str) -> Terms {
    let version = Version::new(2, 4, 0);
    Terms {
        tenant: tenant.into(),
        state: State::Active,
        requested: Requirement::caret(contract.parse().unwrap(), &version),
        version,
        float: Float::Minor,
        events: vec![Name::from_static("shipped")],
        group: None,
        sink: "https://hooks.example.com/".into(),
        keys: Vec::new(),
        rate: None,
        allowed: None,
        order: KeepOrder::ByKey,
        on_sunset: OnSunset::Pause,
        upgrade: None,
        proposed: None,
        since: None,
        created_at: start(),
        lease_until: start(),
    }
}

pub(crate) fn new(subscription: &SubscriptionId, name: &str) -> NewDelivery {
    NewDelivery {
        subscription: subscription.clone(),
        webhook_id: name.into(),
        message_id: format!("message-of-{name}"),
        interaction: Name::from_static("shipped"),
        version: Version::new(2, 4, 0),
        key: None,
        headers: vec![("content-type".into(), "application/cloudevents+json".into())],
        body: Body::Whole(Bytes::from(format!("body of {name}"))),
        delay: Duration::ZERO,
    }
}

pub(crate) fn keyed(subscription: &SubscriptionId, name: &str, key: &str) -> NewDelivery {
    NewDelivery {
        key: Some(key.into()),
        ..new(subscription, name)
    }
}

pub(crate) fn names(leased: &[Leased]) -> Vec<String> {
    leased
        .iter()
        .map(|leased| leased.delivery.webhook_id.clone())
        .collect()
}

pub(crate) fn retry(seconds: u64) -> Fate {
    Fate::Retry {
        after: Duration::from_secs(seconds),
        reason: "status 503".into(),
    }
}

pub(crate) fn dead() -> Fate {
    Fate::Dead {
        reason: "eleven attempts failed".into(),
    }
}

/// The number that a new one was given.
pub(crate) fn sequence(enqueued: &Enqueued) -> Option<u64> {
    match enqueued {
        Enqueued::New { sequence, .. } => Some(*sequence),
        _ => None,
    }
}
