//! What a session has seen its provider's replicas offer, and the changes worth telling.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use polywire_contract::{NoMatch, Requirement, Status, Version};
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::stamp::Stamp;

/// A change in what a session's provider offers or speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Replies come at a higher version than before.
    Upgraded {
        /// The version before.
        from: Version,
        /// The version now.
        to: Version,
    },
    /// Replies come at a lower version than before: a rollback, or another replica.
    Downgraded {
        /// The version before.
        from: Version,
        /// The version now.
        to: Version,
    },
    /// The version spoken is now deprecated.
    Deprecated {
        /// The version.
        version: Version,
        /// When it will be switched off, RFC 3339, if that is decided.
        sunset: Option<String>,
    },
    /// The version spoken is no longer served.
    Withdrawn {
        /// The version.
        version: Version,
    },
    /// One replica refused what another one offered lately: a deployment is under way.
    Skew {
        /// The instance that refused, where it said its name.
        refused_by: Option<String>,
    },
}

/// How long an offer counts as seen lately.
const FRESH: Duration = Duration::from_secs(60);
/// How many instances are remembered.
const INSTANCES: usize = 32;
/// How many changes a slow listener may lag behind.
const CHANGES: usize = 64;

#[derive(Debug)]
pub(crate) struct History {
    last: ArcSwapOption<Stamp>,
    seen: Mutex<VecDeque<Seen>>,
    changes: broadcast::Sender<Change>,
}

#[derive(Debug)]
struct Seen {
    instance: Option<Arc<str>>,
    offered: Arc<[Version]>,
    at: Instant,
}

impl History {
    pub(crate) fn new() -> Self {
        Self {
            last: ArcSwapOption::empty(),
            seen: Mutex::default(),
            changes: broadcast::channel(CHANGES).0,
        }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    pub(crate) fn last(&self) -> Option<Arc<Stamp>> {
        self.last.load_full()
    }

    /// What the provider offered the last time it was heard, if that was within `age`.
    pub(crate) fn offered_within(&self, age: Duration) -> Option<Arc<[Version]>> {
        let seen = self.seen.lock();
        seen.back()
            .filter(|seen| seen.at.elapsed() < age)
            .map(|seen| seen.offered.clone())
    }

    /// Whether this very stamp was the last one noted: then it was checked before.
    pub(crate) fn is_last(&self, stamp: &Arc<Stamp>) -> bool {
        self.last
            .load()
            .as_ref()
            .is_some_and(|last| Arc::ptr_eq(last, stamp))
    }

    /// Notes what a reply was stamped with.
    pub(crate) fn note(&self, stamp: &Arc<Stamp>) {
        // Replies that come at once are noted one after the other, so that their changes are told in that order.
        let mut seen = self.seen.lock();
        let before = self.last.swap(Some(stamp.clone()));
        remember(&mut seen, stamp.instance.clone(), stamp.offered.clone());
        let changes = changes(before.as_deref(), stamp);
        for change in changes.iter().flatten() {
            self.tell(change);
        }
        drop(seen);
        changes.iter().flatten().for_each(log);
    }

    /// Notes a refusal. Returns whether another instance offered something that fits lately.
    pub(crate) fn note_refusal(&self, no_match: &NoMatch, requirement: &Requirement) -> bool {
        let instance = no_match.instance.as_deref().map(Arc::from);
        let offered: Arc<[Version]> = no_match
            .offered
            .iter()
            .map(|offered| offered.version.clone())
            .collect();
        let mut seen = self.seen.lock();
        let fits = |seen: &Seen| {
            seen.instance != instance
                && seen.at.elapsed() < FRESH
                && seen
                    .offered
                    .iter()
                    .any(|version| requirement.accepts(version))
        };
        let last = self.last();
        let skew =
            seen.iter().any(fits) || last.as_ref().is_some_and(|last| last.instance != instance);
        remember(&mut seen, instance, offered);
        let withdrawn = last.filter(|last| {
            !no_match.offered.iter().any(|offered| {
                offered.version == last.version && offered.status != Status::Withdrawn
            })
        });
        let change = if skew {
            Some(Change::Skew {
                refused_by: no_match.instance.clone(),
            })
        } else {
            withdrawn.map(|last| {
                self.last.store(None);
                Change::Withdrawn {
                    version: last.version.clone(),
                }
            })
        };
        if let Some(change) = &change {
            self.tell(change);
        }
        drop(seen);
        change.iter().for_each(log);
        skew
    }

    fn tell(&self, change: &Change) {
        // Nobody listening is fine.
        let _ = self.changes.send(change.clone());
    }
}

fn log(change: &Change) {
    tracing::info!(?change, "agreement changed");
}

fn remember(seen: &mut VecDeque<Seen>, instance: Option<Arc<str>>, offered: Arc<[Version]>) {
    seen.retain(|seen| seen.instance != instance && seen.at.elapsed() < FRESH);
    if seen.len() == INSTANCES {
        seen.pop_front();
    }
    seen.push_back(Seen {
        instance,
        offered,
        at: Instant::now(),
    });
}

/// What a stamp changes, after the one before it: the version, and whether that is deprecated.
fn changes(before: Option<&Stamp>, stamp: &Stamp) -> [Option<Change>; 2] {
    let version = before.and_then(|before| {
        let (from, to) = (before.version.clone(), stamp.version.clone());
        match from.cmp_precedence(&to) {
            Ordering::Less => Some(Change::Upgraded { from, to }),
            Ordering::Greater => Some(Change::Downgraded { from, to }),
            Ordering::Equal => None,
        }
    });
    let known = before.is_some_and(|before| {
        before.status == Status::Deprecated && before.version == stamp.version
    });
    let deprecated = stamp.status == Status::Deprecated && !known;
    [version, deprecated.then(|| self::deprecated(stamp))]
}

fn deprecated(stamp: &Stamp) -> Change {
    Change::Deprecated {
        version: stamp.version.clone(),
        sunset: stamp.sunset.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use polywire_contract::Name;

    use super::*;

    fn stamp(version: Version) -> Arc<Stamp> {
        Arc::new(Stamp {
            contract: Name::from_static("orders"),
            offered: vec![version.clone()].into(),
            version,
            digest: None,
            status: Status::Current,
            since: None,
            sunset: None,
            link: None,
            instance: None,
        })
    }

    #[test]
    fn changes_of_replies_that_come_at_once_follow_each_other() {
        const THREADS: usize = 4;
        const NOTES: usize = CHANGES / THREADS;
        let stamps = [4, 5].map(|minor| stamp(Version::new(1, minor, 0)));
        for _ in 0..200 {
            let history = History::new();
            history.note(&stamps[0]);
            let mut told = history.subscribe();
            let together = Barrier::new(THREADS);
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    let (history, stamps, together) = (&history, &stamps, &together);
                    scope.spawn(move || {
                        together.wait();
                        for turn in 0..NOTES {
                            history.note(&stamps[(thread + turn) % 2]);
                        }
                    });
                }
            });
            let mut spoken = stamps[0].version.clone();
            while let Ok(change) = told.try_recv() {
                let (Change::Upgraded { from, to } | Change::Downgraded { from, to }) = change
                else {
                    panic!("{change:?}");
                };
                assert_eq!(from, spoken);
                spoken = to;
            }
            assert_eq!(history.last().unwrap().version, spoken);
        }
    }
}
