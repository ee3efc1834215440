//! A member of a group: takes what is next, within its prefetch.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep_until;

use super::queue::{Lease, Queue, Taken};
use super::topic::{GroupKey, GroupState, Topic};
use crate::delivery::{Delivery, Settle, Verdict};
use crate::error::Result;
use crate::message::Head;

/// A member of a group. Dropping it leaves the group; what it holds unsettled returns when it is dropped.
pub struct Member {
    topic: Arc<Topic>,
    key: GroupKey,
    group: Arc<GroupState>,
    places: Arc<Semaphore>,
    joined_at: u64,
}

/// An event as a member takes it.
#[derive(Debug)]
pub struct Received {
    /// Its position among all events of its topic, from 1.
    pub position: u64,
    /// The event.
    pub delivery: Delivery,
}

impl Member {
    pub(super) fn new(
        topic: Arc<Topic>,
        key: GroupKey,
        group: Arc<GroupState>,
        prefetch: usize,
        joined_at: u64,
    ) -> Self {
        let places = prefetch.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            topic,
            key,
            group,
            places: Arc::new(Semaphore::new(places)),
            joined_at,
        }
    }

    /// The next event, once there is one and fewer than the prefetch are unsettled; `None` when the exchange is closed.
    ///
    /// # Cancel safety
    /// Nothing is taken when the future is dropped.
    pub async fn next(&mut self) -> Option<Received> {
        let queue = &self.group.queue;
        let taken = async {
            let place = self.places.clone().acquire_owned().await.ok()?;
            Some((place, take(queue).await))
        };
        let (place, lease) = tokio::select! {
            biased;
            () = queue.closed.cancelled() => return None,
            taken = taken => taken?,
        };
        let (position, attempt) = (lease.position(), lease.attempt());
        let message = lease.message().clone();
        let mut head = Head::clone(&message.head);
        head.attempt = attempt;
        let delivery = Delivery::new(
            head,
            message.body.clone(),
            Box::new(Held {
                lease,
                _place: place,
            }),
        );
        Some(Received { position, delivery })
    }

    /// The position of the latest event when this member joined: what comes after it is new to it.
    #[must_use]
    pub fn joined_at(&self) -> u64 {
        self.joined_at
    }

    /// How many events this group lost to eviction so far.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.group.queue.missed()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.topic.leave(&self.key, &self.group);
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("group", &self.group.queue.name)
            .finish_non_exhaustive()
    }
}

async fn take(queue: &Arc<Queue>) -> Lease {
    loop {
        let mut arrived = std::pin::pin!(queue.arrived.notified());
        // Registered before the look, so that an arrival in between is not missed.
        arrived.as_mut().enable();
        match queue.take() {
            Taken::Lease(lease) => return lease,
            Taken::Nothing(None) => arrived.await,
            Taken::Nothing(Some(due)) => tokio::select! {
                () = arrived => {}
                () = sleep_until(due) => {}
            },
        }
    }
}

/// A lease with the place it takes in its member's prefetch.
struct Held {
    lease: Lease,
    _place: OwnedSemaphorePermit,
}

impl Settle for Held {
    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<()>> {
        Box::pin(std::future::ready(self.lease.settle_now(verdict)))
    }

    fn abandon(self: Box<Self>) {
        self.lease.return_now();
    }
}
