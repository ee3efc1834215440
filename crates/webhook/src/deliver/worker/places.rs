//! All endpoints that are remembered, and whose turn it is.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use jiff::Timestamp;
use tokio::time::Instant;

use super::place::Place;
use crate::record::SubscriptionId;

/// The places of endpoints.
#[derive(Debug, Default)]
pub(super) struct Places {
    map: HashMap<SubscriptionId, Place>,
    /// Those that may have something to send, each once.
    turn: VecDeque<SubscriptionId>,
    /// Those that wait, by when that ends.
    waits: BTreeSet<(Timestamp, SubscriptionId)>,
    /// Those that leases leave out.
    shut: HashSet<SubscriptionId>,
}

impl Places {
    pub(super) fn get(&mut self, id: &SubscriptionId) -> Option<&mut Place> {
        self.map.get_mut(id)
    }

    pub(super) fn get_or_new(&mut self, id: &SubscriptionId) -> &mut Place {
        self.map.entry(id.clone()).or_insert_with(Place::new)
    }

    pub(super) fn ids(&self) -> Vec<SubscriptionId> {
        self.map.keys().cloned().collect()
    }

    /// Those that leases leave out.
    pub(super) fn shut(&self) -> Vec<SubscriptionId> {
        self.shut.iter().cloned().collect()
    }

    /// Puts it at the end of the line, unless it stands there.
    pub(super) fn enter(&mut self, id: &SubscriptionId) {
        if let Some(place) = self.map.get_mut(id)
            && !place.in_turn
            && !place.queue.is_empty()
        {
            place.in_turn = true;
            self.turn.push_back(id.clone());
        }
    }

    /// Whose turn it is.
    pub(super) fn turn(&mut self) -> Option<SubscriptionId> {
        let id = self.turn.pop_front()?;
        if let Some(place) = self.map.get_mut(&id) {
            place.in_turn = false;
        }
        Some(id)
    }

    /// Nothing is sent until a time, or `None` for no longer.
    pub(super) fn wait(&mut self, id: &SubscriptionId, until: Option<Timestamp>) {
        let Some(place) = self.map.get_mut(id) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut place.wait, until) {
            self.waits.remove(&(before, id.clone()));
        }
        if let Some(until) = until {
            self.waits.insert((until, id.clone()));
        }
    }

    /// One that has waited long enough.
    pub(super) fn waited(&mut self, now: Timestamp) -> Option<SubscriptionId> {
        let (until, id) = self.waits.first()?;
        if now < *until {
            return None;
        }
        let id = id.clone();
        self.wait(&id, None);
        Some(id)
    }

    /// When the next wait ends.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.waits.first().map(|(until, _)| *until)
    }

    /// Notes whether leases leave it out; `true` when they should be asked now.
    pub(super) fn look(&mut self, id: &SubscriptionId, ahead: usize) -> bool {
        let Some(place) = self.map.get_mut(id) else {
            return false;
        };
        if place.is_shut(ahead) {
            self.shut.insert(id.clone());
            return false;
        }
        let backlog = std::mem::take(&mut place.backlog);
        self.shut.remove(id) || backlog
    }

    pub(super) fn forget(&mut self, id: &SubscriptionId) {
        self.wait(id, None);
        self.shut.remove(id);
        // Its turn, if it stands in line, comes to nobody.
        self.map.remove(id);
    }

    /// Forgets idle ones when there are more than so many: first those that wait for nothing, the longest unused first.
    pub(super) fn shrink(&mut self, most: usize) {
        if self.map.len() <= most {
            return;
        }
        let idle = self.map.iter().filter(|(_, place)| place.is_idle());
        let mut idle: Vec<(bool, Instant, SubscriptionId)> = idle
            .map(|(id, place)| (place.wait.is_some(), place.used, id.clone()))
            .collect();
        idle.sort_unstable();
        // A quarter more, so that this is seldom.
        let goal = most - most / 4;
        let gone = self.map.len() - goal;
        for (_, _, id) in idle.into_iter().take(gone) {
            self.forget(&id);
        }
    }
}
