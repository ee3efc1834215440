//! What a session has seen its provider's replicas offer, and the changes worth telling.

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
        let before = self.last.swap(Some(stamp.clone()));
        self.remember(stamp.instance.clone(), stamp.offered.clone());
        let Some(before) = before else {
            if stamp.status == Status::Deprecated {
                self.tell(deprecated(stamp));
            }
            return;
        };
        let (from, to) = (before.version.clone(), stamp.version.clone());
        match from.cmp_precedence(&to) {
            std::cmp::Ordering::Less => self.tell(Change::Upgraded { from, to }),
            std::cmp::Ordering::Greater => self.tell(Change::Downgraded { from, to }),
            std::cmp::Ordering::Equal => {}
        }
        if stamp.status == Status::Deprecated
            && (before.status != Status::Deprecated || before.version != stamp.version)
        {
            self.tell(deprecated(stamp));
        }
    }

    /// Notes a refusal. Returns whether another instance offered something that fits lately.
    pub(crate) fn note_refusal(&self, no_match: &NoMatch, requirement: &Requirement) -> bool {
        let instance = no_match.instance.as_deref().map(Arc::from);
        let offered: Arc<[Version]> = no_match
            .offered
            .iter()
            .map(|offered| offered.version.clone())
            .collect();
        let skew = {
            let seen = self.seen.lock();
            let fits = |seen: &Seen| {
                seen.instance != instance
                    && seen.at.elapsed() < FRESH
                    && seen
                        .offered
                        .iter()
                        .any(|version| requirement.accepts(version))
            };
            seen.iter().any(fits)
                || self
                    .last
                    .load()
                    .as_ref()
                    .is_some_and(|last| last.instance != instance)
        };
        self.remember(instance, offered);
        if skew {
            self.tell(Change::Skew {
                refused_by: no_match.instance.clone(),
            });
            return true;
        }
        if let Some(last) = self.last() {
            let gone = !no_match.offered.iter().any(|offered| {
                offered.version == last.version && offered.status != Status::Withdrawn
            });
            if gone && self.last.swap(None).is_some() {
                self.tell(Change::Withdrawn {
                    version: last.version.clone(),
                });
            }
        }
        false
    }

    fn remember(&self, instance: Option<Arc<str>>, offered: Arc<[Version]>) {
        let mut seen = self.seen.lock();
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

    fn tell(&self, change: Change) {
        tracing::info!(?change, "agreement changed");
        // Nobody listening is fine.
        let _ = self.changes.send(change);
    }
}

fn deprecated(stamp: &Stamp) -> Change {
    Change::Deprecated {
        version: stamp.version.clone(),
        sunset: stamp.sunset.clone(),
    }
}
