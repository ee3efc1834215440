//! A message in somebody's hands.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use polywire_core::{Result, Settle, Verdict};

use super::arrived::{self, Message};
use super::fate::Outcome;
use super::seat::Place;
use super::settle::{Asked, Settler};
use super::shared::Shared;
use crate::record::{Claim, Delivery, Leased, SubscriptionId};

/// A message that was leased for a member. Dropped before the member has it, it goes back uncounted.
pub(super) struct Held {
    settler: Settler,
    ticket: Option<Ticket>,
    delivery: Option<Box<Delivery>>,
}

/// What it takes to settle a message.
pub(super) struct Ticket {
    pub(super) claim: Claim,
    pub(super) line: SubscriptionId,
    /// Of the body, in bytes.
    pub(super) size: usize,
    pub(super) attempts: u32,
    /// The place that it takes in its member's prefetch; `None` when there was none.
    _place: Option<Place>,
}

/// A message that was read, and what settles it.
pub(super) struct Opened {
    pub(super) message: Message,
    pub(super) arrived_at: Timestamp,
    pub(super) held: Held,
}

impl Ticket {
    pub(super) fn new(leased: &Leased, place: Option<Place>) -> Self {
        Self {
            claim: leased.claim,
            line: leased.delivery.subscription.clone(),
            size: leased.delivery.body.as_ref().map_or(0, bytes::Bytes::len),
            attempts: leased.delivery.attempts,
            _place: place,
        }
    }
}

impl Held {
    pub(super) fn new(leased: Leased, place: Place, settler: Settler) -> Self {
        Self {
            settler,
            ticket: Some(Ticket::new(&leased, Some(place))),
            delivery: Some(Box::new(leased.delivery)),
        }
    }

    /// Reads it; `None` when it is lost, or was set aside because it cannot be read or nobody ever settles it.
    pub(super) fn open(mut self, shared: &Arc<Shared>) -> Option<Opened> {
        let mut delivery = self.delivery.take()?;
        let ticket = self.ticket.as_ref()?;
        if !shared.holds(ticket.claim) {
            // Somebody else may have it.
            self.ticket.take();
            return None;
        }
        let (id, attempts) = (ticket.claim.id, ticket.attempts);
        let most = shared.bounds.max_attempts.max(shared.bounds.max_returns);
        if attempts > most {
            self.tell(Outcome::Verdict(Verdict::Reject {
                reason: format!("handed out {most} times and never settled"),
            }));
            return None;
        }
        match arrived::read(&*shared.reader, &mut delivery) {
            Ok(mut message) => {
                message.head.attempt = attempts.saturating_add(shared.returns(id));
                Some(Opened {
                    message,
                    arrived_at: delivery.created_at,
                    held: self,
                })
            }
            Err(error) => {
                self.tell(Outcome::Verdict(Verdict::Reject {
                    reason: format!("cannot be read: {error}"),
                }));
                None
            }
        }
    }

    /// Settles it without waiting until that is durable.
    pub(super) fn tell(&mut self, outcome: Outcome) {
        if let Some(ticket) = self.ticket.take() {
            self.settler.tell(Asked::new(ticket, outcome));
        }
    }

    /// Settles it, and resolves when that is durable.
    ///
    /// # Cancel safety
    /// The verdict is carried out also when the future is dropped.
    pub(super) fn ask(&mut self, verdict: Verdict) -> BoxFuture<'static, Result<()>> {
        match self.ticket.take() {
            Some(ticket) => self
                .settler
                .ask(Asked::new(ticket, Outcome::Verdict(verdict))),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }
}

impl Settle for Held {
    fn settle(mut self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<()>> {
        self.ask(verdict)
    }

    fn abandon(mut self: Box<Self>) {
        self.tell(Outcome::Returned);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.tell(Outcome::Unread);
    }
}
