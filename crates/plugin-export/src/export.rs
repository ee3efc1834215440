//! What a provider says to become a plugin, and what it is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use polywire_contract::Requirement;
use polywire_core::{
    Channel, ContractClient, ContractPublisher, Error, ErrorKind, Publisher, Result, Service,
    Session,
};
use tokio::sync::Semaphore;

use crate::channel::HostChannel;
use crate::described::Described;
use crate::host::Host;
use crate::outbound::OutboundChannel;

/// What a plugin is told when an instance of it is made.
#[derive(Clone, Debug)]
pub struct Setup {
    config: Bytes,
    host: Host,
    channel: Arc<HostChannel>,
    /// Bounds what its clients say at once.
    places: Arc<Semaphore>,
}

/// How many calls and commands of one instance may be under way to other services; each takes a thread.
const PLACES: usize = 256;

/// A provider as a plugin: its service, how it checks itself, what it stops before it ends.
pub struct Export {
    pub(crate) service: Arc<Service>,
    pub(crate) self_test: Option<Hook<Result<()>>>,
    pub(crate) on_quiesce: Option<Hook<()>>,
}

pub(crate) type Hook<T> = Box<dyn Fn() -> BoxFuture<'static, T> + Send + Sync>;

impl Setup {
    pub(crate) fn new(config: Bytes, host: Host, described: Arc<Described>) -> Self {
        Self {
            config,
            host,
            channel: Arc::new(HostChannel::new(host, described)),
            places: Arc::new(Semaphore::new(PLACES)),
        }
    }

    /// The configuration that the host has for this plugin, in the plugin's own format.
    #[must_use]
    pub fn config(&self) -> &Bytes {
        &self.config
    }

    /// What the host does for the plugin.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The provider's end of the plugin, for a generated publisher as on every transport.
    ///
    /// It publishes the events of the contract versions that the plugin serves and has no other verb. The calling thread
    /// waits while the host takes an event: the other tasks of a runtime with several threads go on meanwhile, as those of
    /// the plugin's own do, and those of a `current_thread` runtime do not. On a `LocalSet` of a runtime with several
    /// threads it panics, as [`tokio::task::block_in_place`] does. It ends with the plugin's instance: then it answers
    /// with `Closed`.
    #[must_use]
    pub fn channel(&self) -> Arc<dyn Channel> {
        self.channel.clone()
    }

    /// A publisher of the events of a contract version that the service serves, through [`channel`](Self::channel). An event
    /// waits up to 30 seconds for its host, unless the publisher is told otherwise.
    ///
    /// # Errors
    /// As [`Publisher::new`].
    pub fn publisher<P: ContractPublisher>(&self, service: &Service) -> Result<P> {
        const PATIENCE: Duration = Duration::from_secs(30);
        let contract = P::contract()?;
        Publisher::new(self.channel(), service, &contract, PATIENCE).map(P::new)
    }

    /// A generated client of another service, through the channel of this name in the host's configuration.
    ///
    /// It calls, sends commands and subscribes to events as a client does everywhere. The host has the connections, and what
    /// `[channel.NAME]` says of versions, timeouts, retries and tokens holds. Where it says nothing of versions, the client requires
    /// the one that it was generated from. Does not wait for a provider. Dropping a call gives it up at the host. When the instance
    /// is quiesced, what is under way ends with `Closed`, and events that are not settled return to their group.
    ///
    /// A call takes a thread of the plugin while it waits: 256 of an instance are under way at once, and others wait for their turn.
    /// A subscription takes one as long as it lives; a library has 64 at most. A plugin that calls out is not short.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use polywire_core::{Context, Result, Service, Versions};
    /// use polywire_plugin_export::{Export, Setup};
    ///
    /// #[polywire_macros::contract(crate = polywire_core, name = "stock", version = "1.2.0")]
    /// trait Stock {
    ///     async fn count(&self, cx: &Context) -> Result<(), Infallible>;
    /// }
    ///
    /// #[polywire_macros::contract(crate = polywire_core, name = "orders", version = "1.4.0")]
    /// trait Orders {
    ///     async fn check(&self, cx: &Context) -> Result<(), Infallible>;
    /// }
    ///
    /// struct Shop {
    ///     stock: StockClient,
    /// }
    ///
    /// impl Orders for Shop {
    ///     async fn check(&self, _: &Context) -> Result<(), Infallible> {
    ///         // Over whatever the host has configured for it.
    ///         let _ = self.stock.count().await;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// fn server(setup: &Setup) -> Result<Export> {
    ///     let shop = Shop { stock: setup.connect("stock")? };
    ///     Ok(Service::new(Versions::new().serve(OrdersServer::new(shop)))?.into())
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// `Config` for a channel that the host does not configure, naming those that it does, for one of another contract, and in a
    /// plugin that is exported as short; `Unavailable` for a host without channels.
    pub fn connect<C: ContractClient>(&self, channel: &str) -> Result<C> {
        let contract = C::contract()?;
        let (opened, listed) = OutboundChannel::open(self, channel)?;
        if listed.contract != *contract.name() {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "channel {channel:?} of the host is of contract {:?}, and the plugin uses it for contract {:?}: write contract = {:?} in its [channel.{channel}], or use a channel of that contract",
                    listed.contract.as_str(),
                    contract.name().as_str(),
                    contract.name().as_str()
                ),
            ));
        }
        let (policy, required) = (listed.policy(), listed.requirement);
        let requirement = required
            .unwrap_or_else(|| Requirement::caret(contract.name().clone(), contract.version()));
        Session::new(Arc::new(opened), contract, requirement, policy).map(C::new)
    }

    /// What bounds its clients.
    pub(crate) fn places(&self) -> &Arc<Semaphore> {
        &self.places
    }

    /// The same, for what ends it.
    pub(crate) fn host_channel(&self) -> &Arc<HostChannel> {
        &self.channel
    }
}

impl Export {
    /// A plugin that answers with this service, whose bounds and authenticator hold as everywhere.
    #[must_use]
    pub fn new(service: impl Into<Arc<Service>>) -> Self {
        Self {
            service: service.into(),
            self_test: None,
            on_quiesce: None,
        }
    }

    /// The same with a check that runs before the host sends it anything: an error keeps the old plugin in place.
    #[must_use]
    pub fn self_test<F>(mut self, test: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.self_test = Some(Box::new(move || Box::pin(test())));
        self
    }

    /// The same with what stops the provider's own work, such as threads and connections, before the library is closed. What its
    /// clients of [`Setup::connect`] had under way has been given up by then, and they take nothing new.
    #[must_use]
    pub fn on_quiesce<F>(mut self, stop: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.on_quiesce = Some(Box::new(move || Box::pin(stop())));
        self
    }
}

impl From<Service> for Export {
    fn from(service: Service) -> Self {
        Self::new(service)
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export")
            .field("service", &self.service)
            .field("self_test", &self.self_test.is_some())
            .field("on_quiesce", &self.on_quiesce.is_some())
            .finish()
    }
}
