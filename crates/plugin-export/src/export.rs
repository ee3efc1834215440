//! What a provider says to become a plugin, and what it is told.

use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use polywire_core::{Result, Service};

use crate::host::Host;

/// What a plugin is told when an instance of it is made.
#[derive(Clone, Debug)]
pub struct Setup {
    config: Bytes,
    host: Host,
}

/// A provider as a plugin: its service, how it checks itself, what it stops before it ends.
pub struct Export {
    pub(crate) service: Service,
    pub(crate) self_test: Option<Hook<Result<()>>>,
    pub(crate) on_quiesce: Option<Hook<()>>,
}

pub(crate) type Hook<T> = Box<dyn Fn() -> BoxFuture<'static, T> + Send + Sync>;

impl Setup {
    pub(crate) fn new(config: Bytes, host: Host) -> Self {
        Self { config, host }
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
}

impl Export {
    /// A plugin that answers with this service, whose bounds and authenticator hold as everywhere.
    #[must_use]
    pub fn new(service: Service) -> Self {
        Self {
            service,
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

    /// The same with what stops the provider's own work, such as threads and connections, before the library is closed.
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
