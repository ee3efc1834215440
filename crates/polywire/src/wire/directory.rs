//! The channels of a runtime for providers in it, such as plugins, that talk to other services.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use polywire_core::{Channel, Directory, Error, ErrorKind, Listed, Result};

use super::{Inner, Polywire, closed};

/// The channels of a runtime, which this does not keep.
struct Channels(Weak<Inner>);

/// The directory of a runtime that is being made: it has no channels before that is done.
pub(super) fn of(inner: &Weak<Inner>) -> Arc<dyn Directory> {
    Arc::new(Channels(inner.clone()))
}

impl Channels {
    fn runtime(&self, name: &str) -> Result<Polywire> {
        match self.0.upgrade() {
            Some(inner) if !inner.closed.load(Ordering::Acquire) => Ok(Polywire { inner }),
            _ => Err(closed(name)),
        }
    }
}

#[async_trait]
impl Directory for Channels {
    fn find(&self, name: &str) -> Result<Listed> {
        let runtime = self.runtime(name)?;
        let link = runtime.link(name)?;
        let settings = &link.settings;
        let Some(contract) = settings.contract.clone() else {
            // A runtime is made of sound settings alone.
            return Err(Error::new(
                ErrorKind::Config,
                format!("channel {name:?} has no contract"),
            ));
        };
        Ok(Listed::new(
            contract,
            settings.require.clone(),
            &settings.policy,
            link.transport.capability(),
        ))
    }

    async fn open(&self, name: &str) -> Result<Arc<dyn Channel>> {
        self.runtime(name)?.channel(name).await
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        if let Some(inner) = self.0.upgrade() {
            list.entries(inner.channels.keys());
        }
        list.finish()
    }
}
