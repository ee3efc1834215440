//! A channel of the host, by which the provider talks to another service.

mod exchange;
mod subscribe;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use polywire_contract::{Name, Offer};
use polywire_core::{
    Capability, Channel, Deliveries, Dispatched, Error, ErrorKind, Health, Letters, Listed,
    Message, Receipt, Reply, Result, Service, Subscription, Support, unsupported,
};
use polywire_plugin_abi::read::ChannelsTable;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::channel::HostChannel;
use crate::export::Setup;
use crate::host::Host;
use exchange::Exchange;

/// A channel of the host.
pub(crate) struct OutboundChannel {
    exchange: Arc<Exchange>,
    capability: Capability,
    host: Host,
    /// Knows when the instance has ended.
    end: Arc<HostChannel>,
    places: Arc<Semaphore>,
}

/// Names what is under way towards the host, for all instances of this library.
static IDS: AtomicU64 = AtomicU64::new(1);

impl OutboundChannel {
    /// The channel of a name, and what its host says of it.
    ///
    /// # Errors
    /// Those of the host.
    pub(crate) fn open(setup: &Setup, name: &str) -> Result<(Self, Listed)> {
        let table = setup.host().channels()?;
        let listed = exchange::listed(table, name)?;
        let capability = Capability {
            publish: Support::None,
            discover: false,
            ..listed.capability.clone()
        };
        let channel = Self {
            exchange: Arc::new(Exchange::new(table, name, capability.max_payload)),
            capability,
            host: *setup.host(),
            end: setup.host_channel().clone(),
            places: setup.places().clone(),
        };
        Ok((channel, listed))
    }

    /// Says something to the host on a thread that may wait. Dropping the future gives it up there.
    async fn say<T: Send + 'static>(
        &self,
        say: impl FnOnce(&Exchange, u64) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.end.has_ended() {
            return Err(ended());
        }
        let exchange = self.exchange.clone();
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let Ok(runtime) = Handle::try_current() else {
            return say(&exchange, id);
        };
        let place = self.places.clone().acquire_owned().await;
        let place = place.map_err(|_| ended())?;
        let given_up = Arc::new(AtomicBool::new(false));
        let mut guard = GiveUp {
            table: exchange.table(),
            id,
            given_up: Some(given_up.clone()),
        };
        let said = runtime.spawn_blocking(move || {
            let _place = place;
            if given_up.load(Ordering::Acquire) {
                return Err(ended());
            }
            say(&exchange, id)
        });
        let said = said.await;
        guard.given_up = None;
        said.unwrap_or_else(|error| {
            Err(if error.is_panic() {
                let text = "the plugin panicked while it talked to its host";
                Error::new(ErrorKind::Internal, text).dispatched_as(Dispatched::Maybe)
            } else {
                ended()
            })
        })
    }
}

/// Gives something up at the host, unless it is done.
struct GiveUp {
    table: ChannelsTable,
    id: u64,
    given_up: Option<Arc<AtomicBool>>,
}

impl Drop for GiveUp {
    fn drop(&mut self) {
        if let Some(given_up) = self.given_up.take() {
            given_up.store(true, Ordering::Release);
            self.table.cancel(self.id);
        }
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Closed, "the plugin has ended")
}

#[async_trait]
impl Channel for OutboundChannel {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    /// The host tells its own health where it is asked.
    fn health(&self) -> Health {
        if self.end.has_ended() {
            Health::Closed
        } else {
            Health::Ready
        }
    }

    async fn discover(&self, _: &Name) -> Result<Offer> {
        Err(missing("discovery", "call it, and look at the agreement"))
    }

    async fn call(&self, message: Message) -> Result<Reply> {
        self.say(move |exchange, id| exchange.call(id, &message))
            .await
    }

    async fn send(&self, message: Message) -> Result<Receipt> {
        self.say(move |exchange, id| exchange.send(id, &message))
            .await
    }

    async fn publish(&self, _: Message) -> Result<Receipt> {
        Err(missing(
            "publish",
            "publish the plugin's own events with Setup::publisher",
        ))
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<Deliveries> {
        let host = self.host;
        self.say(move |exchange, id| subscribe::subscribe(host, exchange, id, &subscription))
            .await
    }

    async fn serve(&self, _: Arc<Service>) -> Result<()> {
        Err(missing(
            "serving",
            "export_plugin! serves what the exported function returns",
        ))
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        None
    }

    /// Nothing: the host drains its channels itself.
    async fn drain(&self) -> Result<()> {
        Ok(())
    }

    /// Nothing: the host closes its channels itself.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

fn missing(verb: &str, instead: &str) -> Error {
    unsupported("a channel of the host", verb, instead)
}

impl fmt::Debug for OutboundChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundChannel")
            .field("name", &self.exchange.name())
            .field("ended", &self.end.has_ended())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
