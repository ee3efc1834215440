//! What a provider holds of a contract that it serves.

use std::sync::Arc;
use std::time::Duration;

use polywire_core::{Channel, ContractPublisher, Letters, Publisher, Result, Service};

/// A contract that is being served. Dropping it changes nothing: the channel serves until it is drained or closed.
#[derive(Clone, Debug)]
pub struct Provided {
    channel: Arc<dyn Channel>,
    service: Arc<Service>,
    timeout: Duration,
}

impl Provided {
    pub(crate) fn new(channel: Arc<dyn Channel>, service: Arc<Service>, timeout: Duration) -> Self {
        Self {
            channel,
            service,
            timeout,
        }
    }

    /// A generated publisher of the contract's events. An event published once reaches every track that is served and
    /// has it.
    ///
    /// # Errors
    /// `Config` as [`Publisher::new`].
    pub fn publisher<P: ContractPublisher>(&self) -> Result<P> {
        let contract = P::contract()?;
        Publisher::new(self.channel.clone(), &self.service, &contract, self.timeout).map(P::new)
    }

    /// The service: its offer, its bounds, whether it drains.
    #[must_use]
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// The channel that it is served on.
    #[must_use]
    pub fn channel(&self) -> &Arc<dyn Channel> {
        &self.channel
    }

    /// Where consumers reach it, spelled as their configuration takes it; `None` where they need no address of the
    /// provider.
    pub async fn address(&self) -> Option<String> {
        self.channel.address().await
    }

    /// Dead letters and parked messages, where this end of the channel can reach them.
    #[must_use]
    pub fn letters(&self) -> Option<Arc<dyn Letters>> {
        self.channel.letters()
    }
}
