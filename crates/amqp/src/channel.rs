//! Both ends of an AMQP channel.

use std::collections::HashMap;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use polywire_contract::{Name, Offer};
use polywire_core::{
    Capability, Channel, Deliveries, Dispatched, Health, Letters, Message, Receipt, Reply, Result,
    Service, Subscription,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::client;
use crate::connection::State;
use crate::consume::Gone;
use crate::error::{closed, draining};
use crate::letters::Shelves;
use crate::server::Serving;
use crate::wire::Stamps;

const OPEN: u8 = 0;
const DRAINING: u8 = 1;
const CLOSED: u8 = 2;

/// An AMQP channel: what it serves and subscribes to is its own, the connections are shared with others.
pub struct AmqpChannel {
    broker: Arc<Broker>,
    capability: Capability,
    state: AtomicU8,
    /// Draining ends subscriptions, closing everything; the latter is the former's parent.
    closing: CancellationToken,
    draining: CancellationToken,
    gone: Arc<Gone>,
    stamps: Stamps,
    shelves: Arc<Shelves>,
    serving: tokio::sync::Mutex<HashMap<Name, Serving>>,
}

impl AmqpChannel {
    pub(crate) fn new(broker: Arc<Broker>) -> Self {
        let closing = CancellationToken::new();
        Self {
            capability: broker.config.capability(),
            shelves: Arc::new(Shelves::new(broker.clone())),
            broker,
            state: AtomicU8::new(OPEN),
            draining: closing.child_token(),
            closing,
            gone: Arc::default(),
            stamps: Stamps::default(),
            serving: tokio::sync::Mutex::default(),
        }
    }

    fn open(&self) -> Result<()> {
        match self.state.load(Ordering::Acquire) {
            OPEN => Ok(()),
            DRAINING => Err(draining()),
            _ => Err(closed()),
        }
    }

    /// Pinned by the caller, as an `async fn` holds what it is given twice.
    async fn until_closed<T>(
        &self,
        work: Pin<&mut (impl Future<Output = Result<T>> + Send)>,
    ) -> Result<T> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.closing.cancelled() => Err(closed().dispatched_as(Dispatched::Maybe)),
        }
    }
}

#[async_trait]
impl Channel for AmqpChannel {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn health(&self) -> Health {
        match self.state.load(Ordering::Acquire) {
            OPEN => {}
            DRAINING => return Health::Draining,
            _ => return Health::Closed,
        }
        for link in [&self.broker.publishing, &self.broker.consuming] {
            match link.state() {
                State::Up(live) => {
                    if let Some(why) = live.blocked() {
                        return Health::Degraded(format!(
                            "the broker takes nothing for now: {why}"
                        ));
                    }
                }
                State::Down(None) => {
                    return Health::Degraded("not connected to the broker yet".to_owned());
                }
                State::Down(Some(error)) | State::Refused(error) => {
                    return Health::Degraded(error.message().to_owned());
                }
                State::Closed => return Health::Closed,
            }
        }
        self.gone.first().map_or(Health::Ready, Health::Degraded)
    }

    async fn discover(&self, contract: &Name) -> Result<Offer> {
        self.open()?;
        let deadline = Instant::now() + self.broker.config.connect_timeout;
        self.until_closed(pin!(client::ask(&self.broker, contract, deadline)))
            .await
    }

    async fn call(&self, message: Message) -> Result<Reply> {
        self.open()?;
        self.until_closed(pin!(client::call(&self.broker, message, &self.stamps)))
            .await
    }

    async fn send(&self, message: Message) -> Result<Receipt> {
        self.open()?;
        self.until_closed(pin!(client::send(&self.broker, message)))
            .await
    }

    async fn publish(&self, message: Message) -> Result<Receipt> {
        self.open()?;
        self.until_closed(pin!(client::publish(&self.broker, message)))
            .await
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<Deliveries> {
        self.open()?;
        let (contract, event) = (subscription.contract.clone(), subscription.event.clone());
        let joined = client::subscribe(
            self.broker.clone(),
            self.gone.clone(),
            self.draining.clone(),
            subscription,
        );
        let (deliveries, origin) = self.until_closed(pin!(joined)).await?;
        self.shelves.know_group(contract, event, origin);
        Ok(deliveries)
    }

    async fn serve(&self, service: Arc<Service>) -> Result<()> {
        self.open()?;
        let mut serving = self.serving.lock().await;
        self.open()?;
        let start = Serving::start(self.broker.clone(), self.gone.clone(), service.clone());
        let new = self.until_closed(pin!(start)).await?;
        self.shelves.know_service(service.name().clone())?;
        if let Some(old) = serving.insert(service.name().clone(), new) {
            old.stop().await;
        }
        Ok(())
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        Some(self.shelves.clone())
    }

    async fn drain(&self) -> Result<()> {
        // A channel that is closed stays closed.
        let _ = self
            .state
            .compare_exchange(OPEN, DRAINING, Ordering::AcqRel, Ordering::Acquire);
        self.draining.cancel();
        self.until_closed(pin!(async {
            let mut serving = self.serving.lock().await;
            for (_, one) in serving.drain() {
                let service = one.service().clone();
                one.stop().await;
                service.drain().await;
            }
            Ok(())
        }))
        .await
    }

    async fn close(&self) -> Result<()> {
        self.state.store(CLOSED, Ordering::Release);
        self.closing.cancel();
        self.serving.lock().await.clear();
        Ok(())
    }
}

impl Drop for AmqpChannel {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

impl fmt::Debug for AmqpChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpChannel")
            .field("urls", &self.broker.config.urls)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
