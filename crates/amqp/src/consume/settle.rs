//! Verdicts carried out: acked, put aside to wait, or set on a shelf - confirmed there before it is gone here.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lapin::BasicProperties;
use lapin::types::ShortString;
use polywire_core::{Error, ErrorKind, Result, Settle, Shelf, Verdict};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use super::Acks;
use crate::broker::Broker;
use crate::publish::{Outgoing, Taken as Publish};
use crate::wire::{Headers, Table, carried, names};

/// How long a message is held that could be put nowhere, before it goes back.
const PAUSE: Duration = Duration::from_secs(1);

/// Where the messages of a queue go when they do not stay.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) queue: ShortString,
    pub(crate) dead: ShortString,
    pub(crate) parked: ShortString,
    /// The group, as letters name it.
    pub(crate) group: String,
    /// Whether the queue holds commands, each of which is a group of its own to letters.
    pub(crate) commands: bool,
}

impl Origin {
    pub(crate) const fn shelf(&self, shelf: Shelf) -> &ShortString {
        match shelf {
            Shelf::Dead => &self.dead,
            Shelf::Parked => &self.parked,
        }
    }
}

/// What settles the deliveries of one source.
pub(crate) struct Settler {
    pub(crate) broker: Arc<Broker>,
    pub(crate) origin: Origin,
}

/// A delivery in somebody's hands, with everything it takes to put it elsewhere.
pub(crate) struct Taken {
    pub(crate) settler: Arc<Settler>,
    pub(crate) acks: Acks,
    pub(crate) tag: u64,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Bytes,
    pub(crate) redelivered: bool,
}

/// A message on its way to another queue.
struct Moving {
    properties: BasicProperties,
    headers: Headers,
}

impl Taken {
    /// Carries out a verdict.
    ///
    /// # Errors
    /// `Unavailable` or `Overloaded` when the message could not be put where it should go: it is delivered again.
    pub(crate) async fn carry_out(self, verdict: Verdict) -> Result<()> {
        let bounds = &self.settler.broker.config.bounds;
        let attempt = self.attempts();
        match verdict {
            Verdict::Ack => self.acks.ack(self.tag),
            Verdict::Retry { after } if attempt < bounds.max_attempts => {
                let wait =
                    after.unwrap_or_else(|| backoff(bounds.backoff, bounds.max_backoff, attempt));
                self.again(wait, i64::from(attempt) + 1, None).await
            }
            Verdict::Retry { .. } => {
                let reason = format!("failed on attempt {attempt} of {}", bounds.max_attempts);
                self.shelve(Shelf::Dead, &reason).await
            }
            Verdict::Reject { reason } => self.shelve(Shelf::Dead, &reason).await,
            Verdict::Park { reason } => self.shelve(Shelf::Parked, &reason).await,
        }
    }

    /// Not for this replica: back into the queue after a while, for one that can, without counting as an attempt.
    ///
    /// # Errors
    /// As [`carry_out`](Self::carry_out).
    pub(crate) async fn skip(self) -> Result<()> {
        let bounds = &self.settler.broker.config.bounds;
        let skips = skips(&self.properties).saturating_add(1);
        let wait = backoff(bounds.backoff, bounds.max_backoff, skips);
        let attempt = i64::from(self.attempts());
        self.again(wait, attempt, Some(skips)).await
    }

    async fn again(self, wait: Duration, attempt: i64, skips: Option<u32>) -> Result<()> {
        let mut moving = self.moving();
        let headers = &mut moving.headers;
        headers.number(names::ATTEMPT, attempt);
        headers.number(names::RETURNS, self.returns().into());
        if let Some(skips) = skips {
            headers.number(names::SKIPS, skips.into());
        } else {
            headers.number(names::LAST_FAILURE, now());
        }
        let bucket = crate::topology::wait_bucket(wait);
        let exchange = self.settler.broker.plans.names.wait(bucket)?;
        let key = self.settler.origin.queue.clone();
        self.put(exchange, key, moving, Some(bucket)).await
    }

    async fn shelve(self, shelf: Shelf, reason: &str) -> Result<()> {
        let origin = &self.settler.origin;
        let group = self.group();
        tracing::warn!(%group, id = ?self.properties.message_id(), %reason, %shelf, "message set aside");
        let mut moving = self.moving();
        let headers = &mut moving.headers;
        headers.number(names::ATTEMPT, self.attempts().into());
        headers.number(names::RETURNS, self.returns().into());
        headers.number(names::LAST_FAILURE, now());
        headers.text(names::REASON, reason.chars().take(2000).collect::<String>());
        headers.text(names::GROUP, group);
        headers.text(names::ORIGIN, origin.queue.as_str());
        let key = origin.shelf(shelf).clone();
        self.put(ShortString::default(), key, moving, None).await
    }

    fn attempts(&self) -> u32 {
        Table::of(&self.properties).attempts()
    }

    fn returns(&self) -> u32 {
        Table::of(&self.properties).returns()
    }

    /// What goes with the message, with the first failure noted.
    fn moving(&self) -> Moving {
        let (properties, mut headers) = carried(&self.properties, |_| true);
        if !headers.contains(names::FIRST_FAILURE) {
            headers.number(names::FIRST_FAILURE, now());
        }
        Moving {
            properties,
            headers,
        }
    }

    async fn put(
        self,
        exchange: ShortString,
        key: ShortString,
        moving: Moving,
        bucket: Option<u64>,
    ) -> Result<()> {
        let Self {
            settler,
            acks,
            tag,
            body,
            ..
        } = self;
        let broker = &settler.broker;
        let put = async {
            let message = Outgoing {
                exchange,
                key: key.clone(),
                properties: moving.properties.with_headers(moving.headers.finish()?),
                body,
            };
            let message = || Ok(message.clone());
            let deadline = Instant::now() + broker.config.publish_timeout;
            let taken = match bucket {
                Some(bucket) => {
                    let name = broker.plans.names.wait(bucket)?;
                    broker
                        .put(&message, deadline, name.as_str(), &|| {
                            broker.plans.wait(bucket)
                        })
                        .await?
                }
                None => {
                    broker
                        .put(&message, deadline, "", &|| Ok(Vec::new()))
                        .await?
                }
            };
            match taken {
                Publish::Yes => Ok(()),
                Publish::NoRoute => Err(Error::new(
                    ErrorKind::Unavailable,
                    format!("queue {key} is gone: the message stays where it was"),
                )),
            }
        };
        match put.await {
            Ok(()) => acks.ack(tag),
            Err(error) => {
                // Not at once, or a broker that takes nothing is asked without end.
                sleep(PAUSE).await;
                acks.give_back(tag);
                Err(error)
            }
        }
    }
}

fn skips(properties: &BasicProperties) -> u32 {
    let table = properties.headers().as_ref();
    let found = table.and_then(|table| table.inner().get(names::SKIPS));
    found
        .and_then(lapin::types::AMQPValue::as_long_long_int)
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(0)
}

fn backoff(first: Duration, longest: Duration, attempt: u32) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    doubled.min(longest)
}

/// Milliseconds since 1970, for people who look at letters.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Settle for Taken {
    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<()>> {
        match verdict {
            Verdict::Ack => Box::pin(std::future::ready(self.acks.ack(self.tag))),
            other => Box::pin(self.carry_out(other)),
        }
    }

    fn abandon(self: Box<Self>) {
        let limit = self.settler.broker.config.bounds.max_returns;
        let broker_counts = self.settler.broker.plans.counts_returns();
        if broker_counts && self.returns() < limit {
            return self.acks.give_back(self.tag);
        }
        let Ok(runtime) = Handle::try_current() else {
            return self.acks.give_back(self.tag);
        };
        runtime.spawn(async move {
            let came_back = self.returns().saturating_add(1);
            let id = self.properties.message_id().clone();
            let done = if came_back > limit {
                let reason = format!("came back unsettled {came_back} times");
                self.shelve(Shelf::Dead, &reason).await
            } else {
                self.return_counted(came_back).await
            };
            if let Err(error) = done {
                tracing::warn!(?id, %error, "a message came back unsettled and could not be moved; it is delivered again");
            }
        });
    }
}

impl Taken {
    /// The group as letters name it: for commands, the command's.
    fn group(&self) -> String {
        let origin = &self.settler.origin;
        match (origin.commands, self.properties.kind()) {
            (true, Some(command)) => format!("{}.{command}", origin.group),
            _ => origin.group.clone(),
        }
    }

    /// Puts a message back where the broker does not count how often that happened.
    async fn return_counted(self, came_back: u32) -> Result<()> {
        let mut moving = self.moving();
        let headers = &mut moving.headers;
        headers.number(names::RETURNS, came_back.into());
        let key = self.settler.origin.queue.clone();
        self.put(ShortString::default(), key, moving, None).await
    }
}
