//! A store, a clock, a worker, and short words for what every case does.

mod data;
mod parts;
mod records;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use polywire_webhook::deliver::{DeliverOptions, Deliverer, SendLimits, Sender, SenderOptions};
use polywire_webhook::record::{
    Delivery, DeliveryId, DeliveryState, NewDelivery, State, Subscription, SubscriptionId, Terms,
};
use polywire_webhook::store::{Enqueued, Store};
use polywire_webhook::{Clock, ManualClock, SystemClock};
use tokio::time::timeout;

pub(crate) use data::Data;
pub(crate) use parts::{Here, Keys, Told, sender, verifying};
pub(crate) use records::{keyed, new, plan, shadow, terms};

/// How long anything may take.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) data: Data,
    pub(crate) store: Arc<dyn Store>,
    /// Stands, unless the world is [real](World::real).
    pub(crate) clock: ManualClock,
    /// What its workers go by.
    time: Arc<dyn Clock>,
    pub(crate) told: Arc<Told>,
    pub(crate) keys: Arc<Keys>,
}

impl World {
    pub(crate) async fn new(data: Data) -> Self {
        let clock = ManualClock::at(start());
        Self {
            store: data.open(clock.clone()).await,
            data,
            time: Arc::new(clock.clone()),
            clock,
            told: Arc::default(),
            keys: Arc::new(Keys(Mutex::new(None))),
        }
    }

    /// One that goes by the machine's own clock.
    pub(crate) async fn real(data: Data) -> Self {
        Self {
            store: data.open(SystemClock).await,
            time: Arc::new(SystemClock),
            ..Self::new(data).await
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
            clock: self.time.clone(),
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

    /// So many seconds from now.
    pub(crate) fn clock_after(&self, seconds: u64) -> Timestamp {
        self.clock.now() + Duration::from_secs(seconds)
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
