//! What is counted of the calls to one release.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use polywire_core::{ErrorKind, Outcome, Result};

/// What is counted of the calls to a resident. It is there for longer than that, so that what was counted last is told as well.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    answered: AtomicU64,
    failed: AtomicU64,
    /// Of those that failed: nonsense for an answer.
    faulty: AtomicU64,
    panicked: AtomicU64,
    refused: AtomicU64,
    late: AtomicU64,
    /// How many calls are in the plugin.
    running: AtomicUsize,
    /// How many of them nobody waits for.
    stuck: Arc<AtomicUsize>,
}

/// How often each thing has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Calls that ended with an answer, errors of the contract's own among them.
    pub(crate) answered: u64,
    /// Calls that ended with another error.
    pub(crate) failed: u64,
    /// Calls that ended with a panic.
    pub(crate) panicked: u64,
    /// Calls that were not let in.
    pub(crate) refused: u64,
    /// Calls that ended when their release could be called no more.
    pub(crate) late: u64,
}

impl Counts {
    /// A call has left the plugin: with this answer, and by a panic or not.
    pub(crate) fn ended(&self, panicked: bool, answer: &Result<(Outcome, Bytes)>) {
        let count = match answer {
            _ if panicked => &self.panicked,
            Ok(_) => &self.answered,
            Err(error) => {
                if error.kind() == ErrorKind::Internal {
                    self.faulty.fetch_add(1, Ordering::Relaxed);
                }
                &self.failed
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// A call was not let in.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A call has ended when its release could be called no more.
    pub(crate) fn late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    /// How many calls are in the plugin, whether anybody waits for them or not.
    pub(crate) fn running(&self) -> &AtomicUsize {
        &self.running
    }

    /// How many calls were given up by their callers and still run.
    pub(crate) fn stuck(&self) -> &Arc<AtomicUsize> {
        &self.stuck
    }

    /// How many calls ended, and how many of them by a fault of the plugin's own: a panic, or nonsense for an answer.
    pub(crate) fn faults(&self) -> (u64, u64) {
        let Totals {
            answered,
            failed,
            panicked,
            ..
        } = self.totals();
        let faulty = self.faulty.load(Ordering::Relaxed);
        (answered + failed + panicked, panicked + faulty)
    }

    pub(crate) fn totals(&self) -> Totals {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            answered: read(&self.answered),
            failed: read(&self.failed),
            panicked: read(&self.panicked),
            refused: read(&self.refused),
            late: read(&self.late),
        }
    }
}

impl Totals {
    /// What has happened since others were read.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            answered: self.answered.saturating_sub(before.answered),
            failed: self.failed.saturating_sub(before.failed),
            panicked: self.panicked.saturating_sub(before.panicked),
            refused: self.refused.saturating_sub(before.refused),
            late: self.late.saturating_sub(before.late),
        }
    }
}
