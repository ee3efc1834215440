//! What the author of a transport implements to run the suite.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use polywire_core::{Bounds, Capability, Channel, Result};

/// Makes the places in which cases run. The one thing that a transport's author writes.
#[async_trait]
pub trait Factory: Send + Sync + 'static {
    /// A provider's and a consumer's end, connected, that share nothing with any other world: own ports, own queue
    /// names, own hub.
    ///
    /// # Errors
    /// Whatever keeps the ends from being made; the case then fails with it.
    async fn world(&self, options: WorldOptions) -> Result<Box<dyn World>>;

    /// What the worlds can do beside what their channels claim.
    fn facilities(&self) -> Facilities {
        Facilities::default()
    }

    /// How long the suite waits for one thing to happen before it calls the case failed.
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// How long a whole case may take.
    fn case_limit(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// Two ends of one link. What one `World` holds is let go of when it is dropped.
#[async_trait]
pub trait World: Send + Sync {
    /// The provider's end. Nothing is served on it until a case does.
    fn provider(&self) -> Arc<dyn Channel>;

    /// The consumer's end.
    fn consumer(&self) -> Arc<dyn Channel>;

    /// A further provider's end behind the address that consumers know, as a further replica.
    ///
    /// # Errors
    /// Only called where [`Facilities::replicas`] says yes; then as [`Factory::world`].
    async fn another_provider(&self) -> Result<Arc<dyn Channel>>;

    /// A further consumer's end, as another process would have.
    ///
    /// # Errors
    /// As [`Factory::world`].
    async fn another_consumer(&self) -> Result<Arc<dyn Channel>>;

    /// Ends the provider as if its process ended, and starts it again at the same address, serving nothing yet. From
    /// then on [`provider`](Self::provider) is the new end.
    ///
    /// # Errors
    /// Only called where [`Facilities::restart`] says yes; then as [`Factory::world`].
    async fn restart_provider(&self) -> Result<Arc<dyn Channel>>;

    /// What the ends claim.
    fn capability(&self) -> Capability {
        self.consumer().capability().clone()
    }
}

/// What a case asks of its world. A transport maps it to its own configuration.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// The largest payload, in bytes.
    pub max_payload: usize,
    /// Bounds of queues, retries and shelves, for a transport that keeps them itself; one over a broker sets the
    /// broker's accordingly.
    pub bounds: Bounds,
}

impl Default for WorldOptions {
    fn default() -> Self {
        let bounds = Bounds {
            max_messages: 20_000,
            replay_messages: 10_000,
            replay_bytes: 64 * 1024 * 1024,
            max_attempts: 3,
            backoff: Duration::from_millis(5),
            max_backoff: Duration::from_millis(50),
            ..Bounds::default()
        };
        Self {
            max_payload: 2 * 1024 * 1024,
            bounds,
        }
    }
}

/// What a factory's worlds can do beside what their channels claim. A case that needs more is reported as not
/// applicable, by name and with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facilities {
    /// Several providers can stand behind one address.
    pub replicas: bool,
    /// A provider can be ended and started again.
    pub restart: bool,
    /// The link itself hands a request only to replicas that can serve it, so that no session sees one replica refuse what
    /// another offers.
    pub routed: bool,
}

impl Default for Facilities {
    fn default() -> Self {
        Self {
            replicas: true,
            restart: true,
            routed: false,
        }
    }
}
