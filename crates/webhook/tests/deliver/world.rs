//! A store, a clock, a worker, and short words for what every case does.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use polywire_core::contract::{Name, Requirement, Version};
use polywire_core::{Error, Result};
use polywire_webhook::deliver::{
    DeliverOptions, Deliverer, Notice, NoticeCode, Notices, SendLimits, Sender, SenderOptions,
    Signers,
};
use polywire_webhook::guard::{GuardedConnector, Policy, Resolve};
use polywire_webhook::record::{
    Body, Delivery, DeliveryId, DeliveryState, Float, KeepOrder, NewDelivery, OnSunset, State,
    Subscription, SubscriptionId, Terms,
};
use polywire_webhook::schedule::RetryPlan;
use polywire_webhook::signature::{Signer, SigningKey, VerifyingKey};
use polywire_webhook::store::{
    Enqueued, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store,
};
use polywire_webhook::{Clock, ManualClock};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::database::Database;

/// How long anything may take.
pub(crate) const SOON: Duration = Duration::from_secs(30);
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What keeps the data, gone with this value.
#[derive(Clone)]
pub(crate) enum Data {
    Sqlite(Arc<TempDir>),
    Postgres(Arc<Database>),
}

impl Data {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(Arc::new(tempfile::tempdir().unwrap()))
    }

    pub(crate) async fn postgres() -> Self {
        Self::Postgres(Arc::new(Database::make().await))
    }

    /// Opens the store, whose time a clock tells.
    pub(crate) async fn open(&self, clock: impl Clock + Clone) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(folder) => {
                let path = folder.path().join("webhooks.db");
                let options = SqliteOptions::new(path).clock(clock);
                Arc::new(SqliteStore::open(options).await.unwrap())
            }
            Self::Postgres(database) => {
                let options = PostgresOptions::new(&database.url).clock(clock);
                Arc::new(PostgresStore::open(options).await.unwrap())
            }
        }
    }
}

/// A key for everybody.
#[derive(Debug)]
pub(crate) struct Keys(pub(crate) Mutex<Option<Error>>);

impl Signers for Keys {
    fn signer(&self, _: &Subscription, _: Timestamp) -> Result<Arc<Signer>> {
        match self.0.lock().clone() {
            Some(error) => Err(error),
            None => {
                let key: SigningKey = KEY.parse().unwrap();
                Ok(Arc::new(Signer::new([key])?))
            }
        }
    }
}

pub(crate) fn verifying() -> VerifyingKey {
    KEY.parse().unwrap()
}

/// Remembers notices.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<Vec<Notice>>);

impl Notices for Told {
    fn notice(&self, notice: Notice) {
        self.0.lock().push(notice);
    }
}

impl Told {
    pub(crate) fn all(&self) -> Vec<Notice> {
        self.0.lock().clone()
    }

    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.all().iter().map(|told| told.code.code()).collect()
    }

    pub(crate) fn has(&self, code: NoticeCode) -> bool {
        self.0.lock().iter().any(|told| told.code == code)
    }
}

/// Every name is this machine.
#[derive(Debug)]
pub(crate) struct Here;

#[async_trait]
impl Resolve for Here {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }
}

/// A sender that may connect to this machine.
pub(crate) fn sender(options: SenderOptions) -> Sender {
    let policy = Policy::default().allow(&["127.0.0.1/32"]).unwrap();
    Sender::new(GuardedConnector::new(policy, Here, SOON), options).unwrap()
}

pub(crate) struct World {
    pub(crate) data: Data,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: ManualClock,
    pub(crate) told: Arc<Told>,
    pub(crate) keys: Arc<Keys>,
}

impl World {
    pub(crate) async fn new(data: Data) -> Self {
        let clock = ManualClock::at(start());
        Self {
            store: data.open(clock.clone()).await,
            data,
            clock,
            told: Arc::default(),
            keys: Arc::new(Keys(Mutex::new(None))),
        }
    }

    pub(crate) async fn sqlite() -> Self {
        Self::new(Data::sqlite()).await
    }

    /// Options with which tests do not wait long.
    pub(crate) fn options(&self) -> DeliverOptions {
        DeliverOptions {
            poll: Duration::from_millis(5),
            refresh: Duration::ZERO,
            retries: plan(),
            clock: Arc::new(self.clock.clone()),
            send: SendLimits {
                deadline: SOON,
                ..SendLimits::default()
            },
            ..DeliverOptions::default()
        }
    }

    pub(crate) fn deliver(&self) -> Deliverer {
        self.deliver_with(self.options())
    }

    pub(crate) fn deliver_with(&self, options: DeliverOptions) -> Deliverer {
        let sender = sender(SenderOptions {
            clock: options.clock.clone(),
            ..SenderOptions::default()
        });
        self.start(self.store.clone(), sender, options)
    }

    pub(crate) fn start(
        &self,
        store: Arc<dyn Store>,
        sender: Sender,
        options: DeliverOptions,
    ) -> Deliverer {
        Deliverer::start(store, sender, self.keys.clone(), self.told.clone(), options).unwrap()
    }

    /// A subscription that delivers to an URL.
    pub(crate) async fn subscribe(&self, sink: &str) -> SubscriptionId {
        self.subscribe_with(terms(sink)).await
    }

    pub(crate) async fn subscribe_with(&self, terms: Terms) -> SubscriptionId {
        let id = SubscriptionId::random();
        self.store.create(&id, terms).await.unwrap();
        id
    }

    pub(crate) async fn get(&self, id: &SubscriptionId) -> Subscription {
        self.store.subscription(id).await.unwrap().unwrap()
    }

    pub(crate) async fn enqueue(&self, new: Vec<NewDelivery>) -> Vec<DeliveryId> {
        let kept = self.store.enqueue(new).await.unwrap();
        let id = |kept| match kept {
            Enqueued::New { id, .. } => id,
            other => panic!("{other:?}"),
        };
        kept.into_iter().map(id).collect()
    }

    pub(crate) async fn one(&self, id: &SubscriptionId, name: &str) -> DeliveryId {
        self.enqueue(vec![new(id, name)]).await.remove(0)
    }

    pub(crate) async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.store.delivery(id).await.unwrap().unwrap()
    }

    /// Waits until a delivery is in a state, after so many attempts.
    pub(crate) async fn becomes(
        &self,
        id: DeliveryId,
        state: DeliveryState,
        attempts: u32,
    ) -> Delivery {
        let what = format!("{state:?} after {attempts} attempts");
        eventually(&what, async || {
            let delivery = self.delivery(id).await;
            ((delivery.state, delivery.attempts) == (state, attempts)).then_some(delivery)
        })
        .await
    }

    pub(crate) async fn state(&self, id: &SubscriptionId) -> State {
        self.get(id).await.terms.state
    }

    /// Waits until a subscription is in a state.
    pub(crate) async fn is(&self, id: &SubscriptionId, state: State) {
        eventually(&format!("{state:?}"), async || {
            (self.state(id).await == state).then_some(())
        })
        .await;
    }

    /// Waits until a worker has looked at everything that is due now: until what became due later has arrived.
    pub(crate) async fn everything_due(&self, sink: &crate::sink::Sink) {
        let id = self.subscribe(&format!("{}/marker", sink.url)).await;
        let marker = self.one(&id, &SubscriptionId::random().to_string()).await;
        self.becomes(marker, DeliveryState::Done, 1).await;
    }
}

/// Asks until there is an answer, for a bounded time.
pub(crate) async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let asked = timeout(SOON, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    asked.await.unwrap_or_else(|_| panic!("never: {what}"))
}

pub(crate) fn start() -> Timestamp {
    "2026-11-23T06:00:00Z".parse().unwrap()
}

/// Three attempts, 10 s and 100 s apart.
pub(crate) fn plan() -> RetryPlan {
    RetryPlan::new([10, 100].map(Duration::from_secs), 0).unwrap()
}

pub(crate) fn terms(sink: &str) -> Terms {
    let version = Version::new(2, 4, 0);
    Terms {
        tenant: "acme".into(),
        state: State::Active,
        requested: Requirement::caret("orders".parse().unwrap(), &version),
        version,
        float: Float::Minor,
        events: vec![Name::from_static("shipped")],
        group: None,
        sink: sink.into(),
        keys: Vec::new(),
        rate: None,
        order: KeepOrder::ByKey,
        on_sunset: OnSunset::Pause,
        upgrade: None,
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
        headers: Vec::new(),
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

pub(crate) fn shadow(subscription: &SubscriptionId, name: &str) -> NewDelivery {
    NewDelivery {
        headers: vec![("Contract-Shadow".into(), "true".into())],
        ..new(subscription, name)
    }
}

impl World {
    /// So many seconds from now.
    pub(crate) fn clock_after(&self, seconds: u64) -> Timestamp {
        self.clock.now() + Duration::from_secs(seconds)
    }
}
