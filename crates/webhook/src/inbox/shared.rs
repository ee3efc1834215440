//! What the tasks and members of an inbox share: queues, places, and what is in whose hands.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use polywire_core::{Bounds, Error, ErrorKind, Result};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::room::Kept;
use super::seat::Seat;
use super::{InboxOptions, Queue, Reader};
use crate::record::{Claim, DeliveryId, SubscriptionId};
use crate::store::{Of, Store};

/// How many messages that came back are remembered, to count how often they do.
const RETURNS: usize = 10_000;
/// How many times are remembered at which a message is due; the others are found by polling.
const DUES: usize = 1000;

pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) reader: Arc<dyn Reader>,
    pub(super) bounds: Bounds,
    pub(super) options: InboxOptions,
    /// Somebody has room, or something was found.
    pub(super) look: Notify,
    /// Something was settled.
    pub(super) settled: Notify,
    /// The inbox is closed, or nobody has it any more.
    pub(super) ended: CancellationToken,
    pub(super) state: Mutex<State>,
}

/// How far the life of an inbox is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
pub(super) enum Phase {
    #[default]
    Open,
    Draining,
    Closed,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) lines: HashMap<SubscriptionId, Line>,
    /// What this process has leased, by its fence.
    pub(super) held: HashMap<DeliveryId, u64>,
    /// How often messages came back unsettled.
    returns: HashMap<DeliveryId, u32>,
    /// When messages are due.
    dues: BTreeSet<Instant>,
    /// Whether what was leased is not handed out yet.
    pub(super) leasing: bool,
    /// Counts whatever was handed out or settled.
    pub(super) changes: u64,
    /// Numbers members.
    pub(super) seats: u64,
}

/// A queue with the members that it has here.
#[derive(Default)]
pub(super) struct Line {
    pub(super) kept: Kept,
    pub(super) seats: HashMap<u64, Arc<Seat>>,
    /// Those with a free place, in their turn.
    pub(super) open: VecDeque<Arc<Seat>>,
    /// How many places are free.
    pub(super) room: usize,
    /// How many are taken.
    pub(super) taken: usize,
    /// Whether there may be something to lease.
    pub(super) ready: bool,
}

impl Shared {
    pub(super) fn refuse_from(&self, phase: Phase) -> Result<()> {
        if self.state.lock().phase < phase {
            Ok(())
        } else {
            Err(closed())
        }
    }

    /// Makes room for a queue here.
    pub(super) fn line(&self, queue: &Queue) -> Result<()> {
        let mut state = self.state.lock();
        if state.lines.len() >= Of::MAX && !state.lines.contains_key(&queue.id) {
            let text = format!("{} queues are open, as many as may be", Of::MAX);
            return Err(Error::new(ErrorKind::Overloaded, text));
        }
        state.lines.entry(queue.id.clone()).or_default();
        Ok(())
    }

    /// Whether a claim is still this process's, as far as it knows.
    pub(super) fn holds(&self, claim: Claim) -> bool {
        self.state.lock().held.get(&claim.id) == Some(&claim.fence)
    }

    pub(super) fn returns(&self, id: DeliveryId) -> u32 {
        self.state.lock().returns(id)
    }
}

impl State {
    /// There may be something to lease in every queue.
    pub(super) fn ready_all(&mut self) {
        for line in self.lines.values_mut() {
            line.ready = true;
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.lines.values().any(|line| line.room > 0)
    }

    pub(super) fn due_at(&mut self, at: Instant) {
        self.dues.insert(at);
        if self.dues.len() > DUES {
            self.dues.pop_last();
        }
    }

    /// When the first message is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.dues.first().copied()
    }

    /// Forgets the times that have come.
    pub(super) fn forget_dues(&mut self, now: Instant) {
        while self.dues.first().is_some_and(|due| *due <= now) {
            self.dues.pop_first();
        }
    }

    pub(super) fn returns(&self, id: DeliveryId) -> u32 {
        self.returns.get(&id).copied().unwrap_or_default()
    }

    pub(super) fn returned(&mut self, id: DeliveryId) {
        if self.returns.len() >= RETURNS && !self.returns.contains_key(&id) {
            self.returns.clear();
        }
        *self.returns.entry(id).or_default() += 1;
    }

    pub(super) fn forget_returns(&mut self, id: DeliveryId) {
        self.returns.remove(&id);
    }
}

pub(super) fn closed() -> Error {
    Error::new(
        ErrorKind::Closed,
        "the inbox is draining or closed and takes nothing new",
    )
}

pub(super) fn gone(queue: &Queue) -> Error {
    Error::new(
        ErrorKind::Unroutable,
        format!("queue {} is not there: open it first", queue.name()),
    )
}
