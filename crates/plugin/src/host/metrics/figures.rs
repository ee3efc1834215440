//! What was counted and not told yet.

use std::collections::BTreeMap;
use std::mem::{replace, take};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::counts::{Counts, Totals};
use super::event::Event;
use crate::host::resident::Resident;

/// What was counted and not told yet.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    events: Mutex<BTreeMap<Event, u64>>,
    releases: Mutex<Vec<Followed>>,
    unserved: AtomicU64,
    sequence: AtomicU64,
}

/// The calls of a release, for as long as there may be any.
#[derive(Debug)]
struct Followed {
    counts: Arc<Counts>,
    told: Totals,
    release: String,
    generation: u64,
}

/// What one resident has to tell.
pub(crate) struct Account {
    pub(crate) release: String,
    /// Which library it is of.
    pub(crate) generation: u64,
    /// What has happened since the last time.
    pub(crate) news: Totals,
    pub(crate) running: usize,
    pub(crate) stuck: usize,
    /// Whether nobody can call it any more: this is the last time.
    pub(crate) gone: bool,
}

impl Figures {
    pub(crate) fn happened(&self, event: Event) {
        *self.events.lock().entry(event).or_default() += 1;
    }

    /// What has happened since the last time.
    pub(crate) fn events(&self) -> BTreeMap<Event, u64> {
        take(&mut *self.events.lock())
    }

    /// Nobody could be had for a call.
    pub(crate) fn unserved(&self) {
        self.unserved.fetch_add(1, Ordering::Relaxed);
    }

    /// For how many calls nobody could be had since the last time.
    pub(crate) fn refused(&self) -> u64 {
        self.unserved.swap(0, Ordering::Relaxed)
    }

    /// An index is followed from now on.
    pub(crate) fn followed(&self, sequence: u64) {
        self.sequence.store(sequence, Ordering::Relaxed);
    }

    /// The number of the index that was followed last.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Relaxed)
    }

    /// Takes the calls of a resident into account, if it is of a release.
    pub(crate) fn follow(&self, resident: &Resident) {
        if let Some(release) = resident.release() {
            self.releases.lock().push(Followed {
                counts: resident.counts().clone(),
                told: Totals::default(),
                release: release.version().to_string(),
                generation: resident.generation().id(),
            });
        }
    }

    /// What the residents have to tell: those that are there, and once more those that have gone.
    pub(crate) fn accounts(&self) -> Vec<Account> {
        let mut accounts = Vec::new();
        self.releases.lock().retain_mut(|followed| {
            // Asked first: nobody counts any more where this is the only one who has it.
            let there = Arc::get_mut(&mut followed.counts).is_none();
            accounts.push(followed.account(!there));
            there
        });
        accounts
    }
}

impl Followed {
    fn account(&mut self, gone: bool) -> Account {
        let totals = self.counts.totals();
        let before = replace(&mut self.told, totals);
        Account {
            release: self.release.clone(),
            generation: self.generation,
            news: totals.since(before),
            running: self.counts.running().load(Ordering::Relaxed),
            stuck: self.counts.stuck().load(Ordering::Relaxed),
            gone,
        }
    }
}
