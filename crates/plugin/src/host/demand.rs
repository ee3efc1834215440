//! What consumers have asked for, and what they are told when they do not get it.

use std::collections::{BTreeMap, BTreeSet};

use polywire_contract::{Name, Requirement};

use crate::watch::Stopper;

/// What consumers have asked for: a major that nobody asks for is not loaded.
#[derive(Default)]
pub(super) struct Wanted {
    by_major: BTreeMap<u64, Vec<Need>>,
    /// What was asked for before anything was offered.
    pub(super) later: Vec<Need>,
    /// Majors that nobody has tried to load since they were wanted first: their callers wait.
    pub(super) pending: BTreeSet<u64>,
    /// Tells whoever loads.
    pub(super) hint: Option<Stopper>,
}

/// A requirement, and the interaction that it was stated for.
type Need = (Requirement, Name);

/// How many requirements of one major are remembered, so that a release that no longer meets them is refused.
const MAX_WANTED: usize = 64;

impl Wanted {
    /// What was asked of a major.
    pub(super) fn of(&self, major: u64) -> &[Need] {
        self.by_major.get(&major).map_or(&[], Vec::as_slice)
    }

    /// The majors that were asked for.
    pub(super) fn majors(&self) -> impl Iterator<Item = u64> {
        self.by_major.keys().copied()
    }

    /// Notes what is wanted. Whether nobody wanted that major before.
    pub(super) fn note(&mut self, major: u64, requirement: &Requirement, of: &Name) -> bool {
        let known = self.by_major.entry(major).or_default();
        let news = known.is_empty();
        add(known, requirement, of);
        news
    }

    pub(super) fn note_later(&mut self, requirement: &Requirement, of: &Name) {
        add(&mut self.later, requirement, of);
    }

    /// It is known which major serves this.
    pub(super) fn settle(&mut self, requirement: &Requirement, of: &Name) {
        self.later.retain(|need| !same(need, requirement, of));
    }
}

fn add(needs: &mut Vec<Need>, requirement: &Requirement, of: &Name) {
    if needs.len() < MAX_WANTED && !needs.iter().any(|need| same(need, requirement, of)) {
        needs.push((requirement.clone(), of.clone()));
    }
}

fn same((other, used): &Need, requirement: &Requirement, of: &Name) -> bool {
    used == of && other.list_text() == requirement.list_text()
}

/// What a call that finds nobody is told.
#[derive(Default)]
pub(super) struct State {
    /// Whether somebody is looking for releases and has not looked yet.
    pub(super) looking: bool,
    /// What keeps the repository from being read.
    pub(super) unread: Option<String>,
    /// What keeps majors from being served as the repository names them.
    pub(super) unserved: BTreeMap<u64, String>,
    /// Where releases come from.
    pub(super) source: Option<String>,
}

impl State {
    /// What keeps a major, or anything, from being served.
    pub(super) fn trouble(&self, major: Option<u64>) -> Option<&str> {
        let own = major.and_then(|major| self.unserved.get(&major));
        let any = || {
            self.unread
                .as_ref()
                .or_else(|| self.unserved.values().next())
        };
        own.or_else(any).map(String::as_str)
    }
}
