//! The inbox: a durable queue of what has arrived, until somebody is done with it.
//!
//! Both ends of the transport keep what arrives before they answer that they have it: a consumer its events, in a queue for
//! each group, a provider its commands. An [`Inbox`] does that in a [`Store`] of its own, which may be shared by processes:
//! members of a queue compete for its messages wherever they are.
//!
//! [`put`](Inbox::put) resolves when a message is durable. A [`Member`] takes messages as a stream of
//! [`Delivery`](polywire_core::Delivery), and [`Workers`] run commands. What fails is tried again within the
//! [`Bounds`], and set aside as a [letter](Inbox::letters) when it is of no use. Whoever dies loses its lease, and others take over:
//! a message is handed out at least once, and done with once.

mod arrived;
mod dispatch;
mod fate;
mod held;
mod keep;
mod letters;
mod member;
mod options;
mod queue;
mod room;
mod seat;
mod settle;
mod shared;
mod workers;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use polywire_core::{Bounds, Letters, Result, Service};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use arrived::{Arrived, Put, Reader};
pub use member::Member;
pub use options::InboxOptions;
pub use queue::{Queue, QueueName, QueueTerms};
pub use workers::Workers;

use crate::store::{Enqueued, Store};
use letters::Shelves;
use settle::Settler;
use shared::{Phase, Shared, gone};

/// Queues of what has arrived, in one store. Cloning shares it; its tasks end when it is [closed](Self::close), or when the last
/// clone and the last [`Member`] are dropped.
#[derive(Clone)]
pub struct Inbox(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    settler: Settler,
    /// Ends what settles, after what it was told.
    closing: CancellationToken,
    /// The first are those that take, the last is the one that settles.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Inbox {
    /// Starts the tasks of an inbox. The store is its own: what is done with in it is removed, whoever put it there. It is not
    /// closed with the inbox.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn start(
        store: Arc<dyn Store>,
        reader: Arc<dyn Reader>,
        bounds: Bounds,
        options: InboxOptions,
    ) -> Self {
        let shared = Arc::new(Shared {
            store,
            reader,
            bounds,
            options,
            look: Notify::new(),
            settled: Notify::new(),
            ended: CancellationToken::new(),
            state: Mutex::default(),
        });
        let closing = CancellationToken::new();
        let (settler, settling) = Settler::start(shared.clone(), closing.clone());
        let tasks = vec![
            tokio::spawn(dispatch::dispatch(shared.clone(), settler.clone())),
            tokio::spawn(keep::prolong(shared.clone())),
            tokio::spawn(keep::sweep(shared.clone())),
            tokio::spawn(settling),
        ];
        Self(Arc::new(Handle {
            shared,
            settler,
            closing,
            tasks: Mutex::new(tasks),
        }))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Makes a queue if it is not there, and brings it to these terms. Idempotent, also when several processes do it at once.
    ///
    /// # Errors
    /// `Closed` after [`drain`](Self::drain), `Integrity` when the name is taken by a queue of another contract,
    /// `InvalidPayload` when the terms are out of their bounds, `Overloaded` when too many queues are open, and those of the
    /// [`Store`].
    pub async fn open(&self, name: &QueueName, terms: QueueTerms) -> Result<Queue> {
        let shared = self.shared();
        shared.refuse_from(Phase::Draining)?;
        let now = shared.options.now();
        let queue = Queue::open(&*shared.store, name, &terms, now).await?;
        shared.line(&queue)?;
        shared.count(&queue.id).await?;
        Ok(queue)
    }

    /// Keeps what has arrived, and resolves when it is durable.
    ///
    /// # Behavior
    /// Those that put at the same time share a commit of the store.
    ///
    /// # Errors
    /// `Closed` after [`drain`](Self::drain), `Unroutable` when the queue was removed, `InvalidPayload` when an id or the key is
    /// none, `TooLarge` beyond a bound of the store, and those of the [`Store`].
    ///
    /// # Cancel safety
    /// When the future is dropped it may or may not be kept. To put it again is safe.
    pub async fn put(&self, queue: &Queue, arrived: Arrived) -> Result<Put> {
        self.keep(queue, arrived, None).await
    }

    /// As [`put`](Self::put), but set aside at once with the reason, where [`letters`](Self::letters) find it: for a version that
    /// the group does not take.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    ///
    /// # Cancel safety
    /// As for [`put`](Self::put).
    pub async fn park(&self, queue: &Queue, arrived: Arrived, reason: &str) -> Result<Put> {
        self.keep(queue, arrived, Some(reason)).await
    }

    async fn keep(&self, queue: &Queue, arrived: Arrived, parked: Option<&str>) -> Result<Put> {
        let shared = self.shared();
        shared.refuse_from(Phase::Draining)?;
        let size = arrived.body.len();
        let record = arrived.into_record(queue)?;
        let Some(room) = shared.reserve(queue, size).await? else {
            return Ok(Put::Full);
        };
        let enqueued = match parked {
            Some(reason) => {
                let reason = fate::printable(reason);
                Some(shared.store.park(record, &reason).await?)
            }
            None => shared.store.enqueue(vec![record]).await?.pop(),
        };
        Ok(match enqueued {
            Some(Enqueued::New { .. }) => {
                room.keep(parked.is_some());
                Put::New
            }
            Some(Enqueued::Duplicate { .. }) => Put::Duplicate,
            Some(Enqueued::Conflict { .. }) => Put::Conflict,
            Some(Enqueued::NoSubscription) | None => return Err(gone(queue)),
        })
    }

    /// Joins a queue with room for `prefetch` unsettled messages, at least one. Members take turns.
    ///
    /// # Errors
    /// `Closed` after [`drain`](Self::drain), `Unroutable` when the queue was removed.
    pub fn join(&self, queue: &Queue, prefetch: usize) -> Result<Member> {
        let seat = self.shared().join(queue, prefetch, false)?;
        Ok(Member::new(self.clone(), seat))
    }

    /// Runs the commands of a queue that a service can take, [`Bounds::command_workers`] at once, until the handle is stopped
    /// or dropped. A command of a version that it does not serve waits for one that does, here or elsewhere.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub fn work(&self, queue: &Queue, service: Arc<Service>) -> Result<Workers> {
        Workers::start(self.clone(), queue, service)
    }

    /// The dead and parked messages of all queues of the store.
    #[must_use]
    pub fn letters(&self) -> Arc<dyn Letters> {
        Arc::new(Shelves(self.shared().clone()))
    }

    /// Removes a queue with everything that it keeps. Its members end; what they hold can no longer be settled.
    ///
    /// # Errors
    /// Those of the [`Store`].
    pub async fn remove(&self, queue: &Queue) -> Result<()> {
        let shared = self.shared();
        shared.store.remove(&queue.id).await?;
        shared.forget(queue);
        Ok(())
    }

    /// Takes nothing new and ends every [`Member`]; resolves when what they had not taken is free for others and what was
    /// settled is durable. Idempotent.
    ///
    /// # Behavior
    /// What members hold can still be settled. [`Workers`] go on: whoever has them finishes or stops them.
    pub async fn drain(&self) {
        let shared = self.shared();
        {
            let mut state = shared.state.lock();
            if state.phase == Phase::Open {
                state.phase = Phase::Draining;
            }
        }
        shared.end(|seat| !seat.finishes());
        self.0.settler.flush().await;
    }

    /// Lets go of everything: what is in somebody's hands goes to others, and a verdict that comes later is void. Idempotent.
    pub async fn close(&self) {
        let Handle {
            shared,
            closing,
            tasks,
            ..
        } = &*self.0;
        shared.state.lock().phase = Phase::Closed;
        shared.ended.cancel();
        shared.end(|_| true);
        let mut tasks = std::mem::take(&mut *tasks.lock());
        let settling = tasks.pop();
        for task in tasks.into_iter() {
            // A panic in it is logged by the runtime.
            let _ = task.await;
        }
        closing.cancel();
        if let Some(settling) = settling {
            let _ = settling.await;
        }
        shared.release().await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.ended.cancel();
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared().state.lock();
        f.debug_struct("Inbox")
            .field("phase", &state.phase)
            .field("queues", &state.lines.len())
            .field("held", &state.held.len())
            .finish_non_exhaustive()
    }
}
