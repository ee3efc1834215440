//! A member of a queue: takes what is next, within its prefetch.

use std::fmt;
use std::sync::Arc;

use futures_util::stream;
use polywire_core::{Deliveries, Delivery};

use super::Inbox;
use super::held::{Held, Opened};
use super::seat::Seat;

/// A member of a queue. Dropping it leaves the queue: what it has not taken goes to others at once, and what it has taken can
/// still be settled.
pub struct Member {
    inbox: Inbox,
    seat: Arc<Seat>,
}

impl Member {
    pub(super) fn new(inbox: Inbox, seat: Arc<Seat>) -> Self {
        Self { inbox, seat }
    }

    /// The next message, once there is one and fewer than the prefetch are unsettled; `None` when the inbox drains or is closed,
    /// or the queue was removed.
    ///
    /// # Cancel safety
    /// Nothing is taken when the future is dropped.
    pub async fn next(&mut self) -> Option<Delivery> {
        let Opened { message, held, .. } = self.opened().await?;
        Some(Delivery::new(message.head, message.body, Box::new(held)))
    }

    /// The member as a stream, which leaves the queue when it is dropped.
    #[must_use]
    pub fn deliveries(self) -> Deliveries {
        Deliveries::new(stream::unfold(self, |mut member| async move {
            let next = member.next().await?;
            Some((next, member))
        }))
    }

    /// The next message that can be read.
    pub(super) async fn opened(&mut self) -> Option<Opened> {
        loop {
            let held = self.held().await?;
            if let Some(opened) = held.open(self.inbox.shared()) {
                return Some(opened);
            }
        }
    }

    /// The time by the inbox's clock.
    pub(super) fn now(&self) -> jiff::Timestamp {
        self.inbox.shared().options.now()
    }

    async fn held(&mut self) -> Option<Held> {
        loop {
            {
                let mut inside = self.seat.inside.lock();
                if inside.left {
                    return None;
                }
                if let Some(held) = inside.waiting.pop_front() {
                    return Some(held);
                }
            }
            // It remembers what came since the look, as nobody else waits for it.
            self.seat.arrived.notified().await;
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.inbox.shared().leave(&self.seat);
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("queue", &self.seat.line)
            .finish_non_exhaustive()
    }
}
