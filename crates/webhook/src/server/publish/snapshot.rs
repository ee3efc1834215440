//! Who subscribed when the first copy of a message came.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use polywire_core::contract::Name;
use polywire_core::{Head, MessageId};

use super::book::Entries;

/// How many messages whose copies are still coming are remembered, and for how long: copies come at once, or never.
const MOST: usize = 1024;
const LONGEST: Duration = Duration::from_secs(60);

/// By message, so that every copy of it finds each subscription on the same track: one that changes its track between two
/// copies would else get both, or none.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    kept: HashMap<(Name, MessageId), (Entries, usize)>,
    order: VecDeque<((Name, MessageId), Instant)>,
}

impl Snapshots {
    /// Who subscribed at the first copy of this message; `now` is who subscribes at this one.
    pub(super) fn of(&mut self, head: &Head, now: &Entries) -> Entries {
        let copies = head.copies.as_ref().map_or(1, |copies| copies.len());
        if copies < 2 {
            return now.clone();
        }
        let key = (head.contract.clone(), head.id.clone());
        if let Some((entries, left)) = self.kept.get_mut(&key) {
            let entries = entries.clone();
            *left -= 1;
            if *left == 0 {
                self.kept.remove(&key);
            }
            return entries;
        }
        let time = Instant::now();
        self.kept.insert(key.clone(), (now.clone(), copies - 1));
        self.order.push_back((key, time));
        // Those that are complete are still in the order; it is as bounded as what it is the order of.
        while let Some((_, begun)) = self.order.front() {
            if self.order.len() <= MOST && time.duration_since(*begun) <= LONGEST {
                break;
            }
            if let Some((oldest, _)) = self.order.pop_front() {
                self.kept.remove(&oldest);
            }
        }
        now.clone()
    }
}
