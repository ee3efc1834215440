use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use polywire_core::{Error, ErrorKind};

use super::lease::{Gate, Lease, Told};
use super::{BootClock, BootTime};
use crate::format::{Index, PluginName, ReleaseId};

/// What a lease is for: a release, in the major that it serves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The major version of contracts.
    pub major: u64,
    /// The release that serves it.
    pub release: ReleaseId,
}

impl Slot {
    fn named(&self, index: &Index) -> bool {
        index.majors.get(&self.major) == Some(&self.release)
    }
}

/// A contact that was begun.
#[derive(Clone, Copy, Debug)]
#[must_use = "a contact that is begun comes to an end"]
pub struct Attempt {
    started: BootTime,
}

/// The deployment window of one plugin in one consumer. Pure: it is told what happened, and when.
#[derive(Debug)]
pub struct Window {
    length: Duration,
    clock: Arc<dyn BootClock>,
    told: Arc<Told>,
    leases: BTreeMap<Slot, Arc<Lease>>,
    /// Those whose time was up when a contact was made, which nobody was told of yet.
    passed: BTreeSet<Slot>,
    proven: Option<Proven>,
    attempted: Option<BootTime>,
    failing: bool,
}

/// The last contact.
#[derive(Debug)]
struct Proven {
    /// When it began.
    started: BootTime,
    /// When the repository was there: then, or earlier by the publisher's word.
    at: BootTime,
    /// What it read.
    index: Index,
}

impl Window {
    /// The shortest window.
    pub const MIN: Duration = Duration::from_secs(1);
    /// The longest window.
    pub const MAX: Duration = Duration::from_secs(30 * 86_400);

    /// A window in which nothing is proven yet, for a repository that is [described](crate::fetch::Fetcher::describe) so.
    ///
    /// # Errors
    /// `Config` when the window is shorter than [`MIN`](Self::MIN) or longer than [`MAX`](Self::MAX).
    pub fn new(
        repository: &str,
        plugin: &PluginName,
        length: Duration,
        clock: Arc<dyn BootClock>,
    ) -> Result<Self, Error> {
        if !(Self::MIN..=Self::MAX).contains(&length) {
            let message = format!(
                "a deployment window of {length:?}: expected {:?} to {:?}",
                Self::MIN,
                Self::MAX
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(Self {
            length,
            clock,
            told: Arc::new(Told {
                repository: repository.to_owned(),
                plugin: plugin.to_string(),
                window: length,
                last_contact: AtomicU64::new(0),
            }),
            leases: BTreeMap::new(),
            passed: BTreeSet::new(),
            proven: None,
            attempted: None,
            failing: false,
        })
    }

    /// How long the window is.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Begins a contact: to be called before the acknowledgement is written.
    pub fn begin(&mut self) -> Attempt {
        let started = self.clock.now();
        self.attempted = Some(started);
        Attempt { started }
    }

    /// A contact has read an index after its acknowledgement was durable: what the index names is renewed, what it revokes is
    /// closed at once, and everything else runs out.
    ///
    /// One that began before another which has ended already changes nothing. Whether an index is older than one that was read
    /// before is not asked here: the [`Reader`](crate::fetch::Reader) has refused it then.
    pub fn contacted(&mut self, attempt: Attempt, index: &Index) {
        self.prove(attempt, attempt.started, index);
    }

    /// The same for a repository that cannot be written to: the publisher was there `age` before the contact began.
    pub fn contacted_by_word(&mut self, attempt: Attempt, index: &Index, age: Duration) {
        self.prove(attempt, attempt.started.minus(age), index);
    }

    fn prove(&mut self, attempt: Attempt, at: BootTime, index: &Index) {
        self.failing = false;
        let later = |before: &Proven| attempt.started < before.started;
        if self.proven.as_ref().is_some_and(later) {
            return;
        }
        self.told.last_contact.store(at.0, Ordering::Release);
        let passed = self.run_out();
        self.passed.extend(passed);
        for (slot, lease) in &self.leases {
            if index.revoked.contains(&slot.release) {
                lease.close();
            } else if slot.named(index) {
                lease.renew(at.plus(self.length));
            }
        }
        self.proven = Some(Proven {
            started: attempt.started,
            at,
            index: index.clone(),
        });
    }

    /// A contact failed. Nothing is renewed, and the next one comes sooner.
    pub fn failed(&mut self, _attempt: Attempt) {
        self.failing = true;
    }

    /// The gate of a generation that is loaded. It is open when the last contact has read an index that names the release for
    /// this major, until that contact's window ends; a release that failed to load has no gate, and what served before runs out.
    pub fn open(&mut self, slot: &Slot) -> Gate {
        let lease = Arc::clone(self.leases.entry(slot.clone()).or_default());
        if let Some(Proven { at, index, .. }) = &self.proven
            && slot.named(index)
        {
            lease.renew(at.plus(self.length));
        }
        Gate {
            lease,
            told: Arc::clone(&self.told),
            clock: Arc::clone(&self.clock),
        }
    }

    /// Closes the gate of a generation for good, as when it was replaced and has finished its calls.
    pub fn retire(&mut self, slot: &Slot) {
        if let Some(lease) = self.leases.remove(slot) {
            lease.close();
        }
    }

    /// Closes the gates whose time is up, and says which those are, each one once: those as well which a contact has opened
    /// again since.
    pub fn expire(&mut self) -> Vec<Slot> {
        let mut expired = std::mem::take(&mut self.passed);
        expired.extend(self.run_out());
        expired.into_iter().collect()
    }

    fn run_out(&self) -> Vec<Slot> {
        let now = self.clock.now();
        let leases = self.leases.iter();
        let expired = leases.filter(|(_, lease)| lease.expire(now));
        expired.map(|(slot, _)| slot.clone()).collect()
    }

    /// For how much longer anything is let in without another contact.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        let now = self.clock.now();
        let remaining = self.leases.values().map(|lease| lease.remaining(now));
        remaining.max().unwrap_or_default()
    }

    /// When the repository was last proven to be there.
    #[must_use]
    pub fn last_contact(&self) -> Option<BootTime> {
        self.proven.as_ref().map(|proven| proven.at)
    }

    /// When the next contact is due: a quarter of the window after the last one began, and a sixteenth after one that failed;
    /// `jitter`, from 0 to 1, takes up to a quarter of that off, so that consumers do not come all at once. It is in the past when
    /// one is due, and now before the first.
    #[must_use]
    pub fn next_contact(&self, jitter: f64) -> BootTime {
        let Some(attempted) = self.attempted else {
            return self.clock.now();
        };
        let pause = self.length / if self.failing { 16 } else { 4 };
        let jitter = if jitter.is_nan() {
            0.0
        } else {
            jitter.clamp(0.0, 1.0)
        };
        attempted.plus(pause.mul_f64(1.0 - jitter / 4.0))
    }
}
