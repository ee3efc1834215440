//! A stream of deliveries from some queues that goes on across lost connections, deleted queues and closed channels.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, SelectAll, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions};
use lapin::types::{FieldTable, ShortString};
use parking_lot::Mutex;
use polywire_core::{Error, ErrorKind, Result};
use rand::RngExt;
use tokio::time::sleep;

use super::Acks;
use crate::broker::Broker;
use crate::topology::Declaration;

/// The first pause before a consumer that ended is started again; it doubles.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// One queue to consume from, and how to make it.
pub(crate) struct Plan {
    pub(crate) queue: ShortString,
    pub(crate) declare: Box<dyn Fn() -> Result<Vec<Declaration>> + Send + Sync>,
    pub(crate) exclusive: bool,
}

/// Consumers that are not attached to their queues, with the reason: what makes a channel unhealthy.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    next: AtomicU64,
    reasons: Mutex<HashMap<u64, String>>,
}

impl Gone {
    pub(crate) fn first(&self) -> Option<String> {
        self.reasons.lock().values().next().cloned()
    }
}

/// A delivery and where it is to be settled.
pub(crate) struct Work {
    pub(crate) delivery: Delivery,
    pub(crate) acks: Acks,
    /// Which of the source's queues it came from.
    pub(crate) queue: usize,
}

pub(crate) struct Source {
    broker: Arc<Broker>,
    gone: Arc<Gone>,
    id: u64,
    plans: Vec<Plan>,
    prefetch: usize,
    attached: Option<Attached>,
    pause: Duration,
}

struct Attached {
    acks: Acks,
    channel: lapin::Channel,
    tags: Vec<ShortString>,
    items: SelectAll<BoxStream<'static, (usize, Item)>>,
}

/// A delivery, or why the consumer ended; `None` when its queue is gone.
type Item = std::result::Result<Delivery, Option<lapin::Error>>;

impl Source {
    pub(crate) fn new(
        broker: Arc<Broker>,
        gone: Arc<Gone>,
        plans: Vec<Plan>,
        prefetch: usize,
    ) -> Self {
        let id = gone.next.fetch_add(1, Ordering::Relaxed);
        Self {
            broker,
            gone,
            id,
            plans,
            prefetch,
            attached: None,
            pause: PAUSE,
        }
    }

    /// Attaches to all queues, however long the broker takes to be there.
    ///
    /// # Errors
    /// What waiting cannot mend: the broker's refusal, other arguments at the broker, `Closed`.
    pub(crate) async fn attach(&mut self) -> Result<()> {
        loop {
            match self.try_attach().await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Unavailable => self.wait(&error).await,
                Err(error) => {
                    self.report(&error);
                    return Err(error);
                }
            }
        }
    }

    async fn try_attach(&mut self) -> Result<()> {
        let live = self.broker.consuming.live().await?;
        for plan in &self.plans {
            self.broker
                .consumed
                .ensure(&live, plan.queue.as_str(), &*plan.declare)
                .await?;
        }
        let channel = live.consuming_channel(self.prefetch).await?;
        let mut items = SelectAll::new();
        let mut tags = Vec::with_capacity(self.plans.len());
        for (index, plan) in self.plans.iter().enumerate() {
            let options = BasicConsumeOptions {
                exclusive: plan.exclusive,
                ..BasicConsumeOptions::default()
            };
            let tag = ShortString::default();
            let consume =
                channel.basic_consume(plan.queue.clone(), tag, options, FieldTable::default());
            let consumer = match live.step("consuming", consume).await {
                Ok(consumer) => consumer,
                Err(error) => {
                    self.broker.consumed.forget(plan.queue.as_str());
                    return Err(error);
                }
            };
            tags.push(consumer.tag());
            let deliveries = consumer.map(|item| item.map_err(Some));
            // A queue that is deleted ends its stream without a word.
            let items_of = deliveries.chain(stream::once(async { Err(None) }));
            items.push(items_of.map(move |item| (index, item)).boxed());
        }
        self.gone.reasons.lock().remove(&self.id);
        let acks = Acks::new(live, channel.clone(), self.prefetch);
        self.broker.acks.add(&acks);
        self.attached = Some(Attached {
            acks,
            channel,
            tags,
            items,
        });
        Ok(())
    }

    /// The next delivery.
    ///
    /// # Cancel safety
    /// Nothing is taken when the future is dropped.
    ///
    /// # Errors
    /// `Closed`, when there will be no more.
    pub(crate) async fn next(&mut self) -> Result<Work> {
        loop {
            let Some(attached) = &mut self.attached else {
                match self.attach().await {
                    Ok(()) => continue,
                    Err(error) if error.kind() == ErrorKind::Closed => return Err(error),
                    Err(error) => {
                        self.wait(&error).await;
                        continue;
                    }
                }
            };
            let next = tokio::select! {
                biased;
                next = attached.items.next() => next,
                () = attached.acks.live().lost() => None,
            };
            match next {
                Some((queue, Ok(delivery))) => {
                    self.pause = PAUSE;
                    let acks = attached.acks.clone();
                    return Ok(Work {
                        delivery,
                        acks,
                        queue,
                    });
                }
                Some((queue, Err(why))) => {
                    let why = why.map_or_else(
                        || "the queue was deleted".to_owned(),
                        |error| crate::error::plain(&error),
                    );
                    let name = self
                        .plans
                        .get(queue)
                        .map(|plan| plan.queue.clone())
                        .unwrap_or_default();
                    self.detach(&format!("the consumer of {name} ended: {why}"))
                        .await;
                }
                None => self.detach("the connection was lost").await,
            }
        }
    }

    /// Lets go of what is left of the consumers, to start again.
    async fn detach(&mut self, why: &str) {
        self.attached = None;
        for plan in &self.plans {
            self.broker.consumed.forget(plan.queue.as_str());
        }
        let error = Error::new(ErrorKind::Unavailable, why.to_owned());
        self.wait(&error).await;
    }

    fn report(&self, error: &Error) {
        let queue = self
            .plans
            .first()
            .map(|plan| plan.queue.clone())
            .unwrap_or_default();
        let reason = format!("nothing is consumed from {queue}: {}", error.message());
        let before = self.gone.reasons.lock().insert(self.id, reason.clone());
        if before.as_ref() != Some(&reason) {
            tracing::warn!(%queue, why = error.message(), "a consumer is gone and will be started again");
        }
    }

    async fn wait(&mut self, error: &Error) {
        self.report(error);
        let pause = self.pause.mul_f64(rand::rng().random_range(0.5..1.5));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        sleep(pause).await;
    }

    /// Takes nothing more from the broker; what it has sent already still comes from [`rest`](Self::rest).
    pub(crate) async fn cancel(&mut self) {
        let Some(attached) = &mut self.attached else {
            return;
        };
        for tag in std::mem::take(&mut attached.tags) {
            let cancel = attached
                .channel
                .basic_cancel(tag, BasicCancelOptions::default());
            if let Err(error) = attached
                .acks
                .live()
                .step("cancelling a consumer", cancel)
                .await
            {
                tracing::debug!(%error, "a consumer was gone already");
                self.attached = None;
                return;
            }
        }
    }

    /// After [`cancel`](Self::cancel): what the broker had sent already.
    pub(crate) async fn rest(&mut self) -> Option<Work> {
        let attached = self.attached.as_mut()?;
        loop {
            let next = tokio::select! {
                biased;
                next = attached.items.next() => next,
                () = attached.acks.live().lost() => None,
            };
            match next? {
                (queue, Ok(delivery)) => {
                    return Some(Work {
                        delivery,
                        acks: attached.acks.clone(),
                        queue,
                    });
                }
                (_, Err(_)) => {}
            }
        }
    }

    /// Sends the acks that wait.
    pub(crate) async fn flush(&mut self) {
        if let Some(acks) = self.attached.as_ref().map(|attached| attached.acks.clone()) {
            acks.flush().await;
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.gone.reasons.lock().remove(&self.id);
        let Some(mut attached) = self.attached.take() else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        // What was sent and not taken returns now, not when the last delivery in somebody's hands is settled.
        runtime.spawn(async move {
            for tag in attached.tags.drain(..) {
                let cancel = attached
                    .channel
                    .basic_cancel(tag, BasicCancelOptions::default());
                if attached
                    .acks
                    .live()
                    .step("cancelling a consumer", cancel)
                    .await
                    .is_err()
                {
                    return;
                }
            }
            loop {
                let next = tokio::select! {
                    biased;
                    next = attached.items.next() => next,
                    () = attached.acks.live().lost() => return,
                };
                match next {
                    Some((_, Ok(delivery))) => {
                        attached.acks.give_back(delivery.delivery_tag);
                    }
                    Some((_, Err(_))) => {}
                    None => return,
                }
            }
        });
    }
}
