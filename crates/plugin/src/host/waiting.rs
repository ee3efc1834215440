//! Calls that run on another thread than their caller's, and may be given up by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::resident::Resident;
use crate::native::Cancel;

/// A call that is about to run: who waits for it, and what runs it.
pub(super) fn begin(resident: &Arc<Resident>) -> (Waiting, Running) {
    let call = Arc::new(Call {
        cancel: Cancel::new(),
        state: AtomicUsize::new(RUNNING),
        resident: resident.clone(),
    });
    (Waiting(call.clone()), Running(call))
}

struct Call {
    cancel: Cancel,
    state: AtomicUsize,
    resident: Arc<Resident>,
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
            self.0.resident.stuck.fetch_sub(1, Ordering::Relaxed);
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
            resident,
        } = &*self.0;
        if state.load(Ordering::Acquire) == ENDED {
            return;
        }
        // Counted before it is said, so that the count is never below zero.
        resident.stuck.fetch_add(1, Ordering::Relaxed);
        let given_up =
            state.compare_exchange(RUNNING, ABANDONED, Ordering::AcqRel, Ordering::Acquire);
        if given_up.is_ok() {
            cancel.cancel();
        } else {
            resident.stuck.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
