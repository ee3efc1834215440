//! A queue of messages that are leased, settled, retried and set aside; the heart of groups and of commands.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Bounds;
use super::shelves::Shelves;
use crate::delivery::{Settle, Verdict};
use crate::error::{Error, ErrorKind, Result};
use crate::letters::{Letter, Shelf};
use crate::message::{Head, Message};

pub(super) struct Queue {
    /// Whose queue it is, as letters and errors name it.
    pub(super) name: String,
    bounds: Bounds,
    shelves: Arc<Shelves>,
    /// Somebody may take something.
    pub(super) arrived: Arc<Notify>,
    /// Whether those who wait differ in what they can take, so that each must look.
    wake_all: bool,
    pub(super) closed: CancellationToken,
    /// Something was taken for good.
    room: Arc<Notify>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Entry>,
    delayed: BTreeMap<(Instant, u64), Entry>,
    /// Keys with a message in somebody's hands or waiting for a retry, and those that wait behind it.
    held: HashMap<Arc<str>, VecDeque<Entry>>,
    /// All messages: ready, delayed, held and leased.
    count: usize,
    bytes: usize,
    missed: u64,
}

/// A message in a queue.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) position: u64,
    pub(super) message: Arc<Message>,
    attempt: u32,
    returns: u32,
    holds_key: bool,
}

impl Entry {
    pub(super) fn new(position: u64, message: Arc<Message>) -> Self {
        Self {
            position,
            message,
            attempt: 1,
            returns: 0,
            holds_key: false,
        }
    }
}

/// What a look into the queue found.
pub(super) enum Taken {
    Lease(Lease),
    /// Nothing now; perhaps at this time.
    Nothing(Option<Instant>),
}

impl Queue {
    /// A queue of its own takers, any of whom can take any message.
    pub(super) fn new(
        name: String,
        bounds: Bounds,
        shelves: Arc<Shelves>,
        room: Arc<Notify>,
    ) -> Self {
        let (arrived, closed) = (Arc::default(), CancellationToken::new());
        Self {
            name,
            bounds,
            shelves,
            arrived,
            wake_all: false,
            closed,
            room,
            state: Mutex::default(),
        }
    }

    /// A queue whose takers wait for several queues at once.
    pub(super) fn among(
        name: String,
        bounds: Bounds,
        shelves: Arc<Shelves>,
        arrived: Arc<Notify>,
        room: Arc<Notify>,
    ) -> Self {
        Self {
            arrived,
            wake_all: true,
            ..Self::new(name, bounds, shelves, room)
        }
    }

    fn wake(&self) {
        if self.wake_all {
            self.arrived.notify_waiters();
        } else {
            self.arrived.notify_one();
        }
    }

    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let state = self.state.lock();
        state.count < self.bounds.max_messages && state.bytes + bytes <= self.bounds.max_bytes
    }

    pub(super) fn push(&self, entry: Entry) {
        {
            let mut state = self.state.lock();
            state.count += 1;
            state.bytes += entry.message.body.len();
            state.ready.push_back(entry);
        }
        self.wake();
    }

    /// Makes room by letting the oldest message go that is in nobody's hands.
    pub(super) fn evict(&self, bytes: usize) {
        let mut state = self.state.lock();
        while state.count >= self.bounds.max_messages || state.bytes + bytes > self.bounds.max_bytes
        {
            let Some(entry) = state.ready.pop_front() else {
                break;
            };
            state.forget(&entry);
            state.missed += 1;
            if state.missed.is_power_of_two() {
                tracing::warn!(group = %self.name, missed = state.missed, "a group that is full or away lost its oldest events");
            }
        }
    }

    pub(super) fn note_missed(&self, events: u64) {
        self.state.lock().missed += events;
    }

    pub(super) fn missed(&self) -> u64 {
        self.state.lock().missed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().count == 0
    }

    pub(super) fn close(&self) {
        self.closed.cancel();
        self.room.notify_waiters();
    }

    pub(super) fn take(self: &Arc<Self>) -> Taken {
        let mut state = self.state.lock();
        let now = Instant::now();
        while let Some(due) = state
            .delayed
            .first_entry()
            .filter(|first| first.key().0 <= now)
        {
            let entry = due.remove();
            state.ready.push_front(entry);
        }
        while let Some(mut entry) = state.ready.pop_front() {
            if let Some(key) = entry.message.head.ordering_key.clone()
                && !entry.holds_key
            {
                if let Some(behind) = state.held.get_mut(&key) {
                    behind.push_back(entry);
                    continue;
                }
                state.held.insert(key, VecDeque::new());
                entry.holds_key = true;
            }
            return Taken::Lease(Lease {
                queue: self.clone(),
                entry,
            });
        }
        Taken::Nothing(state.delayed.keys().next().map(|(at, _)| *at))
    }

    /// Puts a message that stood on a shelf back, with fresh counts.
    pub(super) fn readmit(&self, message: Arc<Message>, position: u64) -> Result<()> {
        if !self.has_room(message.body.len()) {
            return Err(Error::new(
                ErrorKind::Overloaded,
                format!("queue {:?} is full: replay later", self.name),
            ));
        }
        self.push(Entry::new(position, message));
        Ok(())
    }

    fn finish(&self, entry: &Entry) {
        {
            let mut state = self.state.lock();
            state.forget(entry);
            state.release_key(entry);
        }
        self.wake();
        self.room.notify_waiters();
    }

    fn put_back(&self, mut entry: Entry, at: Option<Instant>) {
        {
            let mut state = self.state.lock();
            match at {
                Some(at) => {
                    state.delayed.insert((at, entry.position), entry);
                }
                None => {
                    entry.returns += 1;
                    state.ready.push_front(entry);
                }
            }
        }
        self.wake();
    }

    fn shelve(self: &Arc<Self>, shelf: Shelf, entry: Entry, reason: String) -> Result<()> {
        let mut head = Head::clone(&entry.message.head);
        head.attempt = entry.attempt;
        let letter = Letter {
            head,
            body: entry.message.body.clone(),
            group: self.name.clone(),
            reason,
            at: SystemTime::now(),
        };
        let shelved = self
            .shelves
            .put(shelf, letter, self, entry.message.clone(), entry.position);
        match shelved {
            Ok(()) => {
                self.finish(&entry);
                Ok(())
            }
            Err(error) => {
                // Nowhere to set it aside: it stays, and comes again.
                let at = Instant::now() + self.bounds.max_backoff;
                self.put_back(entry, Some(at));
                Err(error)
            }
        }
    }

    fn settle(self: &Arc<Self>, mut entry: Entry, verdict: Verdict) -> Result<()> {
        match verdict {
            Verdict::Ack => {
                self.finish(&entry);
                Ok(())
            }
            Verdict::Retry { after } if entry.attempt < self.bounds.max_attempts => {
                let wait = after.unwrap_or_else(|| self.bounds.wait_after(entry.attempt));
                entry.attempt += 1;
                self.put_back(entry, Some(crate::options::after(wait)));
                Ok(())
            }
            Verdict::Retry { .. } => {
                let reason = format!(
                    "failed on attempt {} of {}",
                    entry.attempt, self.bounds.max_attempts
                );
                self.shelve(Shelf::Dead, entry, reason)
            }
            Verdict::Reject { reason } => self.shelve(Shelf::Dead, entry, reason),
            Verdict::Park { reason } => self.shelve(Shelf::Parked, entry, reason),
        }
    }
}

impl State {
    fn forget(&mut self, entry: &Entry) {
        self.count -= 1;
        self.bytes -= entry.message.body.len();
    }

    fn release_key(&mut self, entry: &Entry) {
        let Some(key) = entry
            .message
            .head
            .ordering_key
            .as_ref()
            .filter(|_| entry.holds_key)
        else {
            return;
        };
        let Some(behind) = self.held.get_mut(key) else {
            return;
        };
        match behind.pop_front() {
            Some(mut next) => {
                next.holds_key = true;
                self.ready.push_front(next);
            }
            None => {
                self.held.remove(key);
            }
        }
    }
}

/// A message in somebody's hands.
pub(super) struct Lease {
    queue: Arc<Queue>,
    entry: Entry,
}

impl Lease {
    pub(super) fn message(&self) -> &Arc<Message> {
        &self.entry.message
    }

    pub(super) fn position(&self) -> u64 {
        self.entry.position
    }

    pub(super) fn attempt(&self) -> u32 {
        self.entry.attempt + self.entry.returns
    }

    pub(super) fn settle_now(self, verdict: Verdict) -> Result<()> {
        self.queue.clone().settle(self.entry, verdict)
    }

    pub(super) fn return_now(self) {
        let Self { queue, entry } = self;
        if entry.returns < queue.bounds.max_returns {
            queue.put_back(entry, None);
            return;
        }
        let reason = format!("came back unsettled {} times", entry.returns + 1);
        if let Err(error) = queue.shelve(Shelf::Dead, entry, reason) {
            tracing::error!(group = %queue.name, %error, "a message that keeps coming back could not be dead-lettered");
        }
    }
}

impl Settle for Lease {
    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<()>> {
        Box::pin(std::future::ready(self.settle_now(verdict)))
    }

    fn abandon(self: Box<Self>) {
        self.return_now();
    }
}
