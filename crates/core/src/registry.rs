//! Transports by name: ours and those that third parties register.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::auth::Authenticator;
use crate::capability::Capability;
use crate::channel::Channel;
use crate::config::Section;
use crate::directory::Directory;
use crate::error::{Error, ErrorKind, Result};

/// What a transport is told about the process it runs in.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The service's name from `[service] name`.
    pub service: String,
    /// A name for this instance, unique among replicas.
    pub instance: String,
    /// Verifies the tokens of callers, where `[service.auth]` configures it.
    pub authenticator: Option<Arc<dyn Authenticator>>,
}

/// A configured transport: makes channels, which may share its connections and listeners.
#[async_trait]
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// What its channels can do, as configured.
    fn capability(&self) -> Capability;

    /// A channel by its configured name. Does not wait for the far side.
    ///
    /// # Errors
    /// `Config` for what only shows when it is opened, such as a certificate that cannot be read.
    async fn channel(&self, name: &str) -> Result<Arc<dyn Channel>>;

    /// Tells a transport whose providers run in this very process which channels there are for them to call out through; whether
    /// it is one.
    ///
    /// # Behavior
    /// Told once, before the first channel. What such providers serve is drained while the other channels still work.
    fn attach(&self, directory: &Arc<dyn Directory>) -> bool {
        let _ = directory;
        false
    }

    /// Stops intake on everything its channels share, and waits until what runs has finished.
    async fn drain(&self) -> Result<()>;

    /// Lets go of everything. Idempotent.
    async fn close(&self) -> Result<()>;
}

/// Makes a transport from its section of the configuration.
pub trait TransportFactory: Send + Sync + 'static {
    /// The name that `transport = "..."` and `[transport.NAME] type` use.
    fn name(&self) -> &'static str;

    /// One line for `polywire check`: what it is for.
    fn summary(&self) -> &'static str;

    /// Reads the section and makes the transport. Mistakes are noted in the section, all of them; `None` when there were any.
    fn build(&self, section: &Section, environment: &Environment) -> Option<Arc<dyn Transport>>;
}

/// The transports known to a runtime.
#[derive(Clone, Default)]
pub struct Registry(BTreeMap<&'static str, Arc<dyn TransportFactory>>);

impl Registry {
    /// The registry with the memory transport alone.
    #[must_use]
    pub fn new() -> Self {
        let memory: Arc<dyn TransportFactory> = Arc::new(crate::memory::MemoryFactory);
        Self(BTreeMap::from([(memory.name(), memory)]))
    }

    /// Registers a transport under its name.
    ///
    /// # Errors
    /// `Config` when the name is taken.
    pub fn register(&mut self, factory: impl TransportFactory) -> Result<()> {
        let name = factory.name();
        if self.0.contains_key(name) {
            return Err(Error::new(
                ErrorKind::Config,
                format!("transport {name:?} is registered already: choose another name"),
            ));
        }
        self.0.insert(name, Arc::new(factory));
        Ok(())
    }

    /// The factory of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn TransportFactory>> {
        self.0.get(name)
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
