//! Calls that run on another thread than their caller's, and may be given up by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::native::Cancel;

/// A call that is about to run: who waits for it, and what runs it. It counts as stuck while it runs and nobody waits for it.
pub(super) fn begin(stuck: &Arc<AtomicUsize>) -> (Waiting, Running) {
    let call = Arc::new(Call {
        cancel: Cancel::new(),
        state: AtomicUsize::new(RUNNING),
        stuck: stuck.clone(),
    });
    (Waiting(call.clone()), Running(call))
}

struct Call {
    cancel: Cancel,
    state: AtomicUsize,
    stuck: Arc<AtomicUsize>,
}

const RUNNING: usize = 0;
const ABANDONED: usize = 1;
const ENDED: usize = 2;

/// What runs a call. Dropping it says that the plugin has returned, or was never called.
pub(super) struct Running(Arc<Call>);

impl Running {
    pub(super) fn cancel(&self) -> &Cancel {
        &self.0.cancel
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.state.swap(ENDED, Ordering::AcqRel) == ABANDONED {
            self.0.stuck.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Who waits for a call. Dropping it gives the call up.
pub(super) struct Waiting(Arc<Call>);

impl Waiting {
    /// The call was answered.
    pub(super) fn done(self) {
        self.0.state.store(ENDED, Ordering::Release);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Call {
            cancel,
            state,
            stuck,
        } = &*self.0;
        if state.load(Ordering::Acquire) == ENDED {
            return;
        }
        // Counted before it is said, so that the count is never below zero.
        stuck.fetch_add(1, Ordering::Relaxed);
        let given_up =
            state.compare_exchange(RUNNING, ABANDONED, Ordering::AcqRel, Ordering::Acquire);
        if given_up.is_ok() {
            cancel.cancel();
        } else {
            stuck.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_stuck_while_it_runs_and_nobody_waits_for_it() {
        let stuck = Arc::new(AtomicUsize::new(0));
        let count = || stuck.load(Ordering::Relaxed);
        let (waiting, running) = begin(&stuck);
        let cancel = running.cancel().clone();
        assert!(!cancel.is_cancelled());
        drop(waiting);
        assert!(cancel.is_cancelled());
        assert_eq!(count(), 1);
        // Whether it has run, or was dropped before a thread took it.
        drop(running);
        assert_eq!(count(), 0);
        let (waiting, running) = begin(&stuck);
        drop(running);
        drop(waiting);
        assert_eq!(count(), 0);
        let (waiting, running) = begin(&stuck);
        waiting.done();
        drop(running);
        assert_eq!(count(), 0);
    }
}
