//! One event of one contract: its groups, and what is kept for replay.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use polywire_contract::{Name, Track};
use tokio::sync::Notify;

use super::member::Member;
use super::queue::{Entry, Queue};
use super::shelves::Shelves;
use super::{Bounds, Overflow};
use crate::channel::Subscription;
use crate::error::{Error, ErrorKind, Result};
use crate::message::{Message, MessageId};

pub(super) struct Topic {
    name: String,
    bounds: Bounds,
    overflow: Overflow,
    shelves: Arc<Shelves>,
    pub(super) room: Arc<Notify>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The position of the latest event, from 1.
    position: u64,
    kept: VecDeque<Entry>,
    kept_bytes: usize,
    groups: HashMap<GroupKey, Arc<GroupState>>,
    solitary: u64,
    closed: bool,
}

/// Members that require the same tracks under one name are one group.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum GroupKey {
    Named(Name, Vec<Track>),
    Alone(u64),
}

pub(super) struct GroupState {
    pub(super) queue: Arc<Queue>,
    tracks: Vec<Track>,
    members: AtomicUsize,
    /// With several tracks one event arrives once per track, under one id.
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    ids: HashSet<MessageId>,
    order: VecDeque<MessageId>,
}

/// How many ids a group of several tracks remembers.
const RECENT: usize = 8192;

pub(super) enum Publish {
    Taken,
    /// The group that has no room.
    Full(String),
}

impl Topic {
    pub(super) fn new(
        name: String,
        bounds: Bounds,
        overflow: Overflow,
        shelves: Arc<Shelves>,
    ) -> Self {
        Self {
            name,
            bounds,
            overflow,
            shelves,
            room: Arc::default(),
            state: Mutex::default(),
        }
    }

    /// Gives the event to every group of its track, or to none.
    pub(super) fn publish(&self, message: &Arc<Message>) -> Publish {
        let track = message
            .head
            .stamp
            .as_ref()
            .map(|stamp| Track::of(&stamp.version));
        let bytes = message.body.len();
        let mut state = self.state.lock();
        let state = &mut *state;
        let wants = |group: &&Arc<GroupState>| {
            group.tracks.is_empty() || track.is_some_and(|track| group.tracks.contains(&track))
        };
        for group in state.groups.values().filter(wants) {
            if group.queue.has_room(bytes) {
                continue;
            }
            if self.overflow == Overflow::Wait && group.members.load(Ordering::Acquire) > 0 {
                return Publish::Full(group.queue.name.clone());
            }
            group.queue.evict(bytes);
        }
        state.position += 1;
        let entry = Entry::new(state.position, message.clone());
        for group in state.groups.values().filter(wants) {
            if group.tracks.len() < 2 || group.recent.lock().is_new(&message.head.id) {
                group.queue.push(entry.clone());
            }
        }
        if self.bounds.replay_messages > 0 {
            state.keep(entry, &self.bounds);
        }
        Publish::Taken
    }

    pub(super) fn join(
        self: &Arc<Self>,
        subscription: &Subscription,
        since: Option<u64>,
    ) -> Result<Member> {
        let mut tracks = subscription.requirement.tracks();
        tracks.sort();
        tracks.dedup();
        let mut state = self.state.lock();
        let key = match &subscription.group {
            Some(name) => GroupKey::Named(name.clone(), tracks.clone()),
            None => {
                state.solitary += 1;
                GroupKey::Alone(state.solitary)
            }
        };
        if !state.groups.contains_key(&key) && state.groups.len() >= self.bounds.max_groups {
            return Err(Error::new(
                ErrorKind::Overloaded,
                format!(
                    "event {:?} has {} groups, its maximum",
                    self.name, self.bounds.max_groups
                ),
            ));
        }
        if state.closed {
            return Err(super::closed());
        }
        let group = match state.groups.get(&key) {
            Some(group) => group.clone(),
            None => {
                let group = Arc::new(self.group(subscription, tracks));
                if let Some(since) = since {
                    state.replay(&group, since);
                }
                state.groups.insert(key.clone(), group.clone());
                group
            }
        };
        group.members.fetch_add(1, Ordering::AcqRel);
        let joined_at = state.position;
        drop(state);
        Ok(Member::new(
            self.clone(),
            key,
            group,
            subscription.prefetch,
            joined_at,
        ))
    }

    fn group(&self, subscription: &Subscription, tracks: Vec<Track>) -> GroupState {
        let name = subscription
            .group
            .as_ref()
            .map_or_else(|| "alone".to_owned(), ToString::to_string);
        let queue = Queue::new(
            name,
            self.bounds.clone(),
            self.shelves.clone(),
            self.room.clone(),
        );
        GroupState {
            queue: Arc::new(queue),
            tracks,
            members: AtomicUsize::new(0),
            recent: Mutex::default(),
        }
    }

    /// A member left: a group of one goes with it.
    pub(super) fn leave(&self, key: &GroupKey, group: &GroupState) {
        group.members.fetch_sub(1, Ordering::AcqRel);
        if matches!(key, GroupKey::Alone(_)) {
            self.state.lock().groups.remove(key);
        }
        // A publisher that waited for this group need not wait any more.
        self.room.notify_waiters();
    }

    pub(super) fn missed(&self, group: &str) -> u64 {
        let state = self.state.lock();
        let named = state
            .groups
            .iter()
            .filter(|(key, _)| matches!(key, GroupKey::Named(name, _) if **name == *group));
        named.map(|(_, group)| group.queue.missed()).sum()
    }

    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        for group in state.groups.values() {
            group.queue.close();
        }
        self.room.notify_waiters();
    }
}

impl State {
    fn keep(&mut self, entry: Entry, bounds: &Bounds) {
        self.kept_bytes += entry.message.body.len();
        self.kept.push_back(entry);
        while self.kept.len() > bounds.replay_messages || self.kept_bytes > bounds.replay_bytes {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.kept_bytes -= oldest.message.body.len();
        }
    }

    /// Gives a new group of one the kept events after a position, and notes how many are gone.
    fn replay(&self, group: &GroupState, since: u64) {
        let oldest = self
            .kept
            .front()
            .map_or(self.position + 1, |entry| entry.position);
        group
            .queue
            .note_missed(oldest.saturating_sub(since.saturating_add(1)));
        for entry in self.kept.iter().filter(|entry| entry.position > since) {
            let track = entry
                .message
                .head
                .stamp
                .as_ref()
                .map(|stamp| Track::of(&stamp.version));
            let wanted =
                group.tracks.is_empty() || track.is_some_and(|track| group.tracks.contains(&track));
            if wanted && group.queue.has_room(entry.message.body.len()) {
                group.queue.push(entry.clone());
            }
        }
    }
}

impl Recent {
    fn is_new(&mut self, id: &MessageId) -> bool {
        if !self.ids.insert(id.clone()) {
            return false;
        }
        self.order.push_back(id.clone());
        if self.order.len() > RECENT
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}
