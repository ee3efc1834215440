//! A provider with one subscription: what it publishes is kept, and delivered from there.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use polywire_contract::{Requirement, Version};
use polywire_core::{Head, Kind, Message, Service, Stamp};
use polywire_webhook::deliver::{
    DeliverOptions, Deliverer, Notice, Notices, Sender, SenderOptions,
};
use polywire_webhook::guard::{GuardedConnector, Policy, SystemResolver};
use polywire_webhook::record::{
    Float, KeepOrder, KeyRecord, OnSunset, State, SubscriptionId, Terms,
};
use polywire_webhook::seal::{Keyring, SealingKey};
use polywire_webhook::server::{Publisher, Server, ServerOptions};
use polywire_webhook::signature::Algorithm;
use polywire_webhook::store::Store;
use polywire_webhook::{Clock as _, SystemClock};

use super::sink::Sink;
use crate::contract::{ORDERS, Orders, PLACED, contract};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A provider on a store.
#[derive(Debug)]
pub(super) struct Polywire {
    store: Arc<dyn Store>,
    keyring: Keyring,
    sender: Sender,
    stamp: Arc<Stamp>,
    publisher: Publisher,
    _server: Server,
}

impl Polywire {
    pub(super) async fn start(store: Arc<dyn Store>, sink: &Sink) -> Result<Self, Box<dyn Error>> {
        let keyring = Keyring::new([SealingKey::new("bench", &[7; 32])?])?;
        let id = SubscriptionId::random();
        let terms = terms(&keyring, &id, sink.url())?;
        store.create(&id, terms).await?;
        let policy = Policy::default().allow(&["127.0.0.0/8"])?;
        let guard = GuardedConnector::new(policy, SystemResolver::new(), Duration::from_secs(5));
        let sender = Sender::new(guard, SenderOptions::default())?;
        let service = Arc::new(Service::new(Orders::new(contract()?))?);
        let offer = service.offer();
        let newest = offer.versions().first().ok_or("nothing is offered")?;
        let stamp = Arc::new(Stamp::of(newest, offer));
        let options = ServerOptions::default();
        let server = Server::start(store.clone(), keyring.clone(), sender.clone(), options).await?;
        server.serve(service);
        Ok(Self {
            store,
            keyring,
            sender,
            stamp,
            publisher: server.publisher(),
            _server: server,
        })
    }

    /// Publishes events, so many at once; each is durable when its publisher goes on.
    pub(super) async fn publish(
        &self,
        events: usize,
        window: usize,
        body: &Bytes,
    ) -> Result<(), Box<dyn Error>> {
        let one = || {
            let mut head = Head::new(Kind::Event, ORDERS, PLACED);
            head.stamp = Some(self.stamp.clone());
            self.publisher.publish(Message::new(head, body.clone()))
        };
        stream::iter((0..events).map(|_| Ok(one())))
            .try_buffer_unordered(window)
            .try_for_each(|_| async { Ok(()) })
            .await
            .map_err(Into::into)
    }

    /// Delivers what is kept, until the sink has taken so many and all of it is settled.
    pub(super) async fn deliver(
        &self,
        events: usize,
        sink: &mut Sink,
    ) -> Result<(), Box<dyn Error>> {
        let deliverer = Deliverer::start(
            self.store.clone(),
            self.sender.clone(),
            Arc::new(self.keyring.clone()),
            Arc::new(Quiet),
            DeliverOptions::default(),
        )?;
        sink.takes(events).await?;
        deliverer.drain().await;
        Ok(())
    }
}

/// Tells nobody.
#[derive(Debug)]
struct Quiet;

impl Notices for Quiet {
    fn notice(&self, _: Notice) {}
}

/// A subscription that has consented, as the subscription API makes them.
fn terms(keyring: &Keyring, id: &SubscriptionId, sink: String) -> Result<Terms, Box<dyn Error>> {
    let (version, now) = (Version::new(1, 4, 0), SystemClock.now());
    let key = KeyRecord {
        id: "k1".to_owned(),
        algorithm: Algorithm::HmacSha256,
        sealed: keyring.seal(id, "k1", SECRET.as_bytes())?,
        public: None,
        created_at: now,
        retires_at: None,
    };
    Ok(Terms {
        tenant: "bench".to_owned(),
        state: State::Active,
        requested: Requirement::caret(ORDERS, &version),
        version,
        float: Float::Minor,
        events: vec![PLACED],
        group: None,
        sink,
        keys: vec![key],
        rate: None,
        allowed: None,
        order: KeepOrder::None,
        on_sunset: OnSunset::Pause,
        upgrade: None,
        proposed: None,
        since: None,
        created_at: now,
        lease_until: now + DAY,
    })
}
