//! What operators do with a provider's store, beside the provider that runs on it: look, deliver again, make keys, test.
//!
//! [`Operator`] opens the store of a configuration as it is. Nothing runs in it but what is asked for; the workers of running
//! providers find what it changes within their [`poll`](crate::deliver::DeliverOptions::poll).

mod deliveries;
mod keys;
mod replay;
mod subscriptions;

use std::fmt;
use std::sync::Arc;

use polywire_core::Result;

pub use deliveries::{Letters, Seen};
pub use keys::{Rotated, Tested};
pub use replay::{Again, Chosen, Requeued};
pub use subscriptions::Wanted;

use crate::clock::{Clock, SystemClock};
use crate::config::WebhookConfig;
use crate::deliver::{DeliverOptions, Sender};
use crate::parts::Purpose;
use crate::record::{Subscription, SubscriptionId};
use crate::seal::Keyring;
use crate::server::{Asks, Server, absent};
use crate::store::Store;

/// An operator of a provider.
pub struct Operator {
    store: Arc<dyn Store>,
    keys: Keyring,
    sender: Sender,
    options: DeliverOptions,
    server: Server,
    clock: Arc<dyn Clock>,
}

impl Operator {
    /// Opens the store of a provider, which must have run with it: nothing is made, and nothing brought to another version.
    ///
    /// # Errors
    /// `Config` when there is no store or no sealing key, or it is of another version; `Unavailable` when it cannot be
    /// reached.
    pub async fn open(config: &WebhookConfig) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = config.open_there(Purpose::Outbox).await?;
        let keys = config.keyring_there()?;
        let sender = config.sender(&clock)?;
        let options = config.server_options(None, &clock);
        let server = Server::beside(store.clone(), keys.clone(), sender.clone(), options)?;
        Ok(Self {
            options: config.deliver_options(&clock),
            store,
            keys,
            sender,
            server,
            clock,
        })
    }

    /// Has nothing delivered to a subscription until an operator resumes it; events are kept.
    ///
    /// # Errors
    /// `Unroutable` when there is none of this id, `InvalidPayload` when its state does not allow it, those of the store.
    pub async fn pause(&self, id: &SubscriptionId) -> Result<Subscription> {
        self.server.operate(Asks::Pause, id).await?;
        self.subscription(id).await
    }

    /// Has a subscription delivered to again, with its failures forgotten. One whose sink said that it was gone is asked for
    /// its consent first, for up to half a minute.
    ///
    /// # Errors
    /// As [`pause`](Self::pause).
    pub async fn resume(&self, id: &SubscriptionId) -> Result<Subscription> {
        self.server.operate(Asks::Resume, id).await?;
        self.subscription(id).await
    }

    /// Ends a subscription with everything that is kept for it.
    ///
    /// # Errors
    /// As [`pause`](Self::pause).
    pub async fn end(&self, id: &SubscriptionId) -> Result<()> {
        self.server.end(id).await
    }

    /// A subscription.
    ///
    /// # Errors
    /// `Unroutable` when there is none of this id, those of the store.
    pub async fn subscription(&self, id: &SubscriptionId) -> Result<Subscription> {
        let found = self.store.subscription(id).await?;
        found.ok_or_else(|| absent(id))
    }

    /// Finishes what was asked for and lets go of the store.
    pub async fn close(&self) {
        self.server.close().await;
        self.store.close().await;
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
