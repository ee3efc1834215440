//! What the channels of one transport share: two connections, what is declared on them, and the ways to publish.

use std::sync::Arc;
use std::time::Duration;

use polywire_core::{Error, ErrorKind, Result};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::client::{Calls, Floors, Lanes};
use crate::config::{AmqpConfig, Identity};
use crate::connection::{Link, Live};
use crate::consume::Pending;
use crate::publish::{
    Attempt, LONGEST_PAUSE, Lane, Make, PAUSE, Singles, Taken, Window, mark, unanswered,
};
use crate::topology::{Declaration, Plans, Topology};

/// How long the last acks may take when everything closes.
const FLUSH: Duration = Duration::from_secs(1);

/// One connection to publish and one to consume, so that a broker that stops reading publishes still gets acks.
pub(crate) struct Broker {
    pub(crate) config: Arc<AmqpConfig>,
    pub(crate) plans: Plans,
    pub(crate) publishing: Link,
    pub(crate) consuming: Link,
    pub(crate) published: Topology,
    pub(crate) consumed: Topology,
    pub(crate) window: Window,
    pub(crate) singles: Singles,
    pub(crate) replies: Lane,
    pub(crate) calls: Calls,
    pub(crate) floors: Floors,
    pub(crate) lanes: Lanes,
    pub(crate) acks: Pending,
}

/// What makes the things that a message needs at the broker.
pub(crate) type Plan<'a> = &'a (dyn Fn() -> Result<Vec<Declaration>> + Send + Sync);

#[derive(Clone, Copy)]
enum Way {
    /// With all other events.
    Window,
    /// Alone, and mandatory.
    Single,
}

impl Broker {
    pub(crate) fn new(config: Arc<AmqpConfig>, identity: &Identity) -> Arc<Self> {
        let publishing = Link::new("publishing", config.clone(), identity.clone());
        let consuming = Link::new("consuming", config.clone(), identity.clone());
        Arc::new(Self {
            plans: Plans::new(&config),
            window: Window::new(publishing.clone(), config.max_unconfirmed),
            singles: Singles::new(publishing.clone()),
            replies: Lane::new(publishing.clone(), false),
            calls: Calls::new(publishing.clone(), config.max_calls),
            floors: Floors::default(),
            lanes: Lanes::default(),
            acks: Pending::default(),
            published: Topology::default(),
            consumed: Topology::default(),
            publishing,
            consuming,
            config,
        })
    }

    /// Starts to connect.
    pub(crate) fn start(&self) {
        self.publishing.start();
        self.consuming.start();
    }

    /// Puts a message where it must arrive: confirmed, routed to a queue, offered again until the deadline. `key` and `plan`
    /// name and make what it needs; an empty key needs nothing.
    ///
    /// # Errors
    /// `Overloaded` when the broker refused it or did not read until the deadline, `Unavailable` when it did not answer, and
    /// what cannot be mended by waiting.
    pub(crate) async fn put(
        &self,
        message: Make<'_>,
        deadline: Instant,
        key: &str,
        plan: Plan<'_>,
    ) -> Result<Taken> {
        self.persist(Way::Single, message, deadline, key, plan)
            .await
    }

    /// Publishes an event: confirmed, offered again until the deadline, to whichever groups there are.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(crate) async fn publish(
        &self,
        message: Make<'_>,
        deadline: Instant,
        exchange: &str,
        plan: Plan<'_>,
    ) -> Result<()> {
        self.persist(Way::Window, message, deadline, exchange, plan)
            .await?;
        Ok(())
    }

    async fn prepare(
        &self,
        missing: bool,
        deadline: Instant,
        key: &str,
        plan: Plan<'_>,
    ) -> Result<()> {
        if key.is_empty() {
            return Ok(());
        }
        if missing {
            self.published.forget(key);
        }
        let live = self.publishing.live_until(deadline).await?;
        self.declared(&live, key, deadline, plan).await
    }

    /// Sees to it that what a message needs is there.
    ///
    /// # Errors
    /// As [`Topology::ensure`], and `Unavailable` or `Overloaded` at the deadline.
    pub(crate) async fn declared(
        &self,
        live: &Live,
        key: &str,
        deadline: Instant,
        plan: Plan<'_>,
    ) -> Result<()> {
        if self.published.knows(live, key) {
            return Ok(());
        }
        // Boxed, as it is rarely more than looked at.
        let declaring = Box::pin(self.published.ensure(live, key, plan));
        let declared = timeout_at(deadline, declaring).await;
        declared.unwrap_or_else(|_| {
            Err(unanswered(
                live,
                "the broker did not answer before the deadline",
            ))
        })
    }

    async fn persist(
        &self,
        way: Way,
        message: Make<'_>,
        deadline: Instant,
        key: &str,
        plan: Plan<'_>,
    ) -> Result<Taken> {
        let mut pause = PAUSE;
        let mut missing = false;
        let mut sent = false;
        loop {
            let found = match self.prepare(missing, deadline, key, plan).await {
                Ok(()) => match way {
                    Way::Window => self.window.offer(message, deadline).await,
                    Way::Single => self.singles.offer(message, deadline).await,
                },
                Err(error) => Err(error),
            };
            let error = match found {
                Ok(Attempt::Taken) => return Ok(Taken::Yes),
                Ok(Attempt::NoRoute) if missing || key.is_empty() => return Ok(Taken::NoRoute),
                Ok(Attempt::NoRoute | Attempt::NoExchange) if !missing => {
                    missing = true;
                    continue;
                }
                Ok(Attempt::NoRoute | Attempt::NoExchange) => Error::new(
                    ErrorKind::Unavailable,
                    "the broker has no such exchange, though it was declared",
                ),
                Ok(Attempt::Never(error)) => return Err(error),
                Ok(Attempt::Refused) => Error::new(
                    ErrorKind::Overloaded,
                    "the broker refused it: a queue holds as much as it may, or has no leader: retry later",
                ),
                Ok(Attempt::Lost(error)) => {
                    sent = true;
                    missing = false;
                    error
                }
                Err(error) if error.kind() == ErrorKind::Unavailable => error,
                Err(error) => return Err(mark(error, sent)),
            };
            let until = Instant::now() + pause;
            if until >= deadline {
                return Err(mark(error, sent));
            }
            sleep_until(until).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    pub(crate) async fn close(&self) {
        // A lost ack is only a message that comes again.
        let _ = timeout(FLUSH, self.acks.finish()).await;
        futures_util::join!(self.publishing.close(), self.consuming.close());
    }
}
