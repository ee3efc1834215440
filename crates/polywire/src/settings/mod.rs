//! `polywire.toml` as the runtime understands it: read whole, with every mistake collected, before anything is opened.

#[cfg(feature = "jwt")]
mod auth;
mod channel;
mod need;
mod select;
mod service;
mod transport;

use std::collections::BTreeMap;
use std::sync::Arc;

use polywire_core::config::Document;
use polywire_core::{Authenticator, Environment, Registry};

pub(crate) use channel::ChannelSettings;
pub use select::Candidate;
pub(crate) use service::ServiceSettings;
pub(crate) use transport::ConfiguredTransport;

/// What a document says, as far as it could be understood; whether that is enough is for [`Document::finish`] to say.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) service: ServiceSettings,
    pub(crate) environment: Environment,
    /// By name.
    pub(crate) channels: BTreeMap<String, ChannelSettings>,
    /// In the order of the file, then those that need no table.
    pub(crate) transports: Vec<ConfiguredTransport>,
}

impl Settings {
    /// Reads everything; `authenticator` is the one that the program brings, which no table configures.
    pub(crate) fn read(
        document: &Document,
        registry: &Registry,
        authenticator: Option<Arc<dyn Authenticator>>,
    ) -> Self {
        let root = document.root();
        let (service, configured) =
            service::read(&root.section_or_empty("service"), authenticator.is_some());
        let environment = Environment {
            service: service.name.clone(),
            instance: service.instance.clone(),
            authenticator: authenticator.or(configured),
        };
        let tables = root.section_or_empty("transport");
        let mut transports = transport::read(&tables, registry, &environment);
        let channels = channel::read(&root.section_or_empty("channel"), &mut transports);
        let transports = transports.configured;
        root.finish();
        Self {
            service,
            environment,
            channels,
            transports,
        }
    }

    /// A configured transport by its name.
    pub(crate) fn transport(&self, name: &str) -> Option<&ConfiguredTransport> {
        self.transports
            .iter()
            .find(|transport| transport.name == name)
    }
}
