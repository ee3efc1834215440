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
use polywire_core::{Authenticator, Environment, Registry, Transport};

pub(crate) use channel::ChannelSettings;
pub use select::Candidate;
pub(crate) use service::ServiceSettings;
pub(crate) use transport::ConfiguredTransport;

/// What the program brings that no document configures.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) transports: Vec<(String, Arc<dyn Transport>)>,
}

/// What a document says, as far as it could be understood; whether that is enough is for [`Document::finish`] to say.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) service: ServiceSettings,
    pub(crate) environment: Environment,
    /// By name.
    pub(crate) channels: BTreeMap<String, ChannelSettings>,
    /// Those that the program made, then those of the file in its order, then those that need no table.
    pub(crate) transports: Vec<ConfiguredTransport>,
}

impl Settings {
    /// Reads everything.
    pub(crate) fn read(document: &Document, registry: &Registry, brought: Brought) -> Self {
        let root = document.root();
        let (service, configured) = service::read(
            &root.section_or_empty("service"),
            brought.authenticator.is_some(),
        );
        let environment = Environment {
            service: service.name.clone(),
            instance: service.instance.clone(),
            authenticator: brought.authenticator.or(configured),
        };
        let tables = root.section_or_empty("transport");
        let mut transports = transport::read(&tables, registry, &environment, brought.transports);
        let channels = channel::read(&root.section_or_empty("channel"), &mut transports);
        let transports = transports.configured;
        for silent in transports.iter().filter(|made| made.transport.is_none()) {
            // A factory that gives nothing says why; one that does not must not make its channels vanish.
            if document.finish().is_ok() {
                let why = format!(
                    "transport type {:?} made nothing of this table and does not say why",
                    silent.kind
                );
                tables.mistake(&silent.name, why);
            }
        }
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
