//! The consumer's end: a channel to the plugins of this process.

use std::pin::pin;
use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use polywire_contract::{Name, Offer};
use polywire_core::lifecycle::{Lifecycle, closed};
use polywire_core::{
    Capability, Channel, Deliveries, Dispatched, Error, ErrorKind, Health, Letters, Message,
    Receipt, Reply, Result, Service, Subscription, Support, Trust, unsupported,
};

use crate::host::PluginHost;

/// Where the plugin of a contract is found.
pub trait Hosts: Send + Sync + std::fmt::Debug + 'static {
    /// The host of a contract's plugin, which starts to look for it when it is asked for the first time.
    ///
    /// # Errors
    /// `Config` when it cannot be looked for.
    fn host(&self, contract: &Name) -> Result<Arc<PluginHost>>;

    /// The hosts that were asked for.
    fn started(&self) -> Vec<Arc<PluginHost>>;
}

/// A channel to the plugins of this process. Calls that are short run on the caller's own task, others on a thread for them.
#[derive(Debug)]
pub struct PluginChannel {
    hosts: Arc<dyn Hosts>,
    /// The host that was asked for first: most channels have one.
    first: OnceLock<Weak<PluginHost>>,
    capability: Capability,
    life: Lifecycle,
}

impl PluginChannel {
    /// A channel for payloads of at most `max_payload` bytes.
    #[must_use]
    pub fn new(hosts: Arc<dyn Hosts>, max_payload: usize) -> Self {
        Self {
            hosts,
            first: OnceLock::new(),
            capability: Self::capability_of(max_payload),
            life: Lifecycle::default(),
        }
    }

    fn host(&self, contract: &Name) -> Result<Arc<PluginHost>> {
        let first = self.first.get().and_then(Weak::upgrade);
        if let Some(first) = first.filter(|first| first.contract() == contract) {
            return Ok(first);
        }
        let host = self.hosts.host(contract)?;
        // One that is there stays.
        let _ = self.first.set(Arc::downgrade(&host));
        Ok(host)
    }

    /// What channels of this transport can do.
    #[must_use]
    pub const fn capability_of(max_payload: usize) -> Capability {
        Capability {
            trust: Trust::Trusted,
            call: Support::Native,
            send: Support::Native,
            publish: Support::Native,
            subscribe: Support::Native,
            discover: true,
            ordered_by_key: true,
            resume: true,
            durable: false,
            max_payload,
        }
    }
}

#[async_trait]
impl Channel for PluginChannel {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn health(&self) -> Health {
        match self.life.health() {
            Health::Ready => {
                let hosts = self.hosts.started();
                let mut healths = hosts.iter().map(|host| host.health());
                let troubled = healths.find(|health| *health != Health::Ready);
                troubled.unwrap_or(Health::Ready)
            }
            ending => ending,
        }
    }

    async fn discover(&self, contract: &Name) -> Result<Offer> {
        self.life.open()?;
        let host = self.host(contract)?;
        self.life.until_closed(pin!(host.discover())).await
    }

    async fn call(&self, message: Message) -> Result<Reply> {
        let _inside = self.life.enter()?;
        let host = self.host(&message.head.contract)?;
        let answered = self.life.until_closed(pin!(host.call(message))).await;
        match answered {
            // This end was closed, and its transport gave the call up before its caller saw that.
            Err(error)
                if self.life.closing().is_cancelled() && error.kind() == ErrorKind::Unavailable =>
            {
                Err(closed().dispatched_as(Dispatched::Maybe))
            }
            answered => answered,
        }
    }

    async fn send(&self, message: Message) -> Result<Receipt> {
        let _inside = self.life.enter()?;
        let host = self.host(&message.head.contract)?;
        self.life.until_closed(pin!(host.send(message))).await
    }

    async fn publish(&self, _: Message) -> Result<Receipt> {
        self.life.open()?;
        Err(unsupported(
            "the consumer's end of a plugin",
            "publish",
            "publish in the plugin, through the channel of its Setup",
        ))
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<Deliveries> {
        self.life.open()?;
        let host = self.host(&subscription.contract)?;
        let ending = self.life.draining().clone();
        let work = host.subscribe(&subscription, ending);
        self.life.until_closed(pin!(work)).await
    }

    async fn serve(&self, service: Arc<Service>) -> Result<()> {
        self.life.open()?;
        let text = format!(
            "contract {:?} cannot be served through a channel: its consumers load it as a plugin; build the provider as a library \
             with export_plugin!, and deploy it with polywire plugin",
            service.name().as_str()
        );
        Err(Error::new(ErrorKind::Config, text))
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        match self.hosts.started().as_slice() {
            [only] => Some(only.letters()),
            _ => None,
        }
    }

    async fn drain(&self) -> Result<()> {
        self.life.refuse_new();
        self.life.emptied().await;
        if self.life.closing().is_cancelled() {
            return Err(closed());
        }
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.life.close();
        // Subscriptions end with draining.
        self.life.refuse_new();
        Ok(())
    }
}
