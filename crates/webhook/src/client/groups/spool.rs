//! Events of a group as they arrive: kept durably, then answered for.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use polywire_core::cloudevent::CloudEvent;
use polywire_core::contract::{Name, Requirement, Track};
use polywire_core::{Dispatched, Error, ErrorKind, Result};

use crate::client::hooks::Taker;
use crate::clock::Clock;
use crate::inbox::{Arrived, Inbox, Put, Queue};

/// How many sequence numbers are remembered while an earlier one is missing.
const AHEAD: usize = 10_000;

/// Takes the events of one group.
#[derive(Debug)]
pub(super) struct Spool {
    pub(super) inbox: Inbox,
    pub(super) queue: Queue,
    pub(super) contract: Name,
    pub(super) event: Name,
    pub(super) requirement: Requirement,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) order: Mutex<Order>,
}

#[async_trait]
impl Taker for Spool {
    async fn take(&self, webhook_id: &str, event: &CloudEvent<'_>, body: &Bytes) -> Result<()> {
        let version = self.check(event)?;
        let arrived = Arrived {
            webhook_id: webhook_id.to_owned(),
            message_id: event.id.clone(),
            interaction: self.event.clone(),
            version,
            key: event.partitionkey.as_deref().map(Into::into),
            headers: Vec::new(),
            body: body.clone(),
            caller: None,
        };
        match self.inbox.put(&self.queue, arrived).await? {
            Put::New | Put::Duplicate => {
                if let Some(sequence) = event.sequence.as_deref().and_then(|text| text.parse().ok())
                {
                    self.order.lock().arrived(sequence, self.clock.now());
                }
                Ok(())
            }
            Put::Conflict => Err(Error::new(
                ErrorKind::Integrity,
                format!("another event was delivered as {webhook_id}: each needs its own id"),
            )),
            Put::Full => Err(Error::new(
                ErrorKind::Overloaded,
                format!(
                    "the queue of group {} is full: retry later",
                    self.queue.group()
                ),
            )),
        }
    }
}

impl Spool {
    /// The version of an event that this group may be given. Its minor is left to who takes it, and an event that nobody
    /// takes is set aside there; another track is another payload.
    fn check(&self, event: &CloudEvent<'_>) -> Result<polywire_core::contract::Version> {
        let contract = event.contract()?;
        let Some(version) = &event.contractversion else {
            return Err(invalid("an event has no contractversion".to_owned()));
        };
        let track = Track::of(version);
        let expected = format!("{contract}.{track}.{}", self.event);
        if contract != self.contract || event.kind != expected {
            return Err(invalid(format!(
                "an event of type {:?} was delivered to a subscription of {}.{}",
                event.kind, self.contract, self.event
            )));
        }
        let tracks = self.requirement.tracks();
        if !tracks.is_empty() && !tracks.contains(&track) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "{} {version} is not taken here: {} is",
                    self.contract,
                    self.requirement.list_text()
                ),
            ));
        }
        Ok(version.clone())
    }

    /// Since when an event has been missing that others have overtaken.
    pub(super) fn missing_since(&self) -> Option<Timestamp> {
        self.order.lock().since
    }

    /// Whatever was missing has been fetched.
    pub(super) fn caught_up(&self) {
        self.order.lock().skip();
    }
}

/// What came in which order. A number that is overtaken and does not come is fetched.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The number that is expected; `None` until the first has come.
    next: Option<u64>,
    ahead: BTreeSet<u64>,
    since: Option<Timestamp>,
}

impl Order {
    fn arrived(&mut self, sequence: u64, now: Timestamp) {
        let next = *self.next.get_or_insert(sequence);
        if sequence < next {
            return;
        }
        if self.ahead.len() < AHEAD {
            self.ahead.insert(sequence);
        }
        self.advance();
        if self.ahead.is_empty() {
            self.since = None;
        } else {
            self.since.get_or_insert(now);
        }
    }

    fn advance(&mut self) {
        while let Some(next) = self.next.filter(|next| self.ahead.remove(next)) {
            self.next = Some(next + 1);
        }
    }

    fn skip(&mut self) {
        if let Some(first) = self.ahead.first() {
            self.next = Some(*first);
        }
        self.advance();
        self.since = None;
    }
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::InvalidPayload, text).dispatched_as(Dispatched::No)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overtaken_is_missed_until_it_comes() {
        let (mut order, now) = (Order::default(), Timestamp::UNIX_EPOCH);
        for sequence in [5, 6, 7] {
            order.arrived(sequence, now);
            assert_eq!(order.since, None);
        }
        order.arrived(10, now);
        order.arrived(9, Timestamp::MAX);
        assert_eq!(order.since, Some(now), "since the first that overtook");
        order.arrived(8, now);
        assert_eq!((order.since, order.next), (None, Some(11)));
        order.arrived(8, now);
        assert_eq!(order.next, Some(11), "one that comes again changes nothing");
        order.arrived(20, now);
        order.skip();
        assert_eq!((order.since, order.next), (None, Some(21)));
    }

    #[test]
    fn no_more_is_remembered_than_its_bound() {
        let mut order = Order::default();
        order.arrived(1, Timestamp::UNIX_EPOCH);
        for sequence in 0..2 * AHEAD as u64 {
            order.arrived(3 + sequence, Timestamp::UNIX_EPOCH);
        }
        assert_eq!(order.ahead.len(), AHEAD);
    }
}
