use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use polywire_core::{Dispatched, Error, ErrorKind};

use super::{BootClock, BootTime};

/// Until when calls are let in; zero is closed.
#[derive(Debug, Default)]
pub(super) struct Lease(AtomicU64);

impl Lease {
    /// Extends it. It is never shortened.
    pub(super) fn renew(&self, until: BootTime) {
        self.0.fetch_max(until.0, Ordering::AcqRel);
    }

    /// Closes it at once.
    pub(super) fn close(&self) {
        self.0.store(0, Ordering::Release);
    }

    /// Closes it when its time is up, so that the next calls need no clock. Answers whether it did.
    pub(super) fn expire(&self, now: BootTime) -> bool {
        let until = self.0.load(Ordering::Acquire);
        // A renewal in between is not undone.
        until != 0
            && until <= now.0
            && self
                .0
                .compare_exchange(until, 0, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
    }

    pub(super) fn remaining(&self, now: BootTime) -> Duration {
        BootTime(self.0.load(Ordering::Acquire)).since(now)
    }
}

/// What all gates of a window tell in their errors.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) repository: String,
    pub(super) plugin: String,
    pub(super) window: Duration,
    /// When the last contact began, in nanoseconds; zero before the first.
    pub(super) last_contact: AtomicU64,
}

/// What every call passes before it enters a generation. Cloning shares it.
#[derive(Clone)]
pub struct Gate {
    pub(super) lease: Arc<Lease>,
    pub(super) told: Arc<Told>,
    pub(super) clock: Arc<dyn BootClock>,
}

impl Gate {
    /// Lets a call in, or refuses it. It costs one atomic read and, while the gate is open, one look at the clock.
    ///
    /// # Errors
    /// `Unavailable`, for a call that did not run: the deployment window has passed since the repository was last proven to name
    /// this release. It says which repository that is, when the last contact was, and how long the window is.
    #[inline]
    pub fn check(&self) -> Result<(), Error> {
        let until = self.lease.0.load(Ordering::Acquire);
        if until != 0 && self.clock.now().0 < until {
            return Ok(());
        }
        Err(self.refusal())
    }

    /// For how much longer calls are let in without another contact; zero when it is closed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.lease.remaining(self.clock.now())
    }

    #[cold]
    fn refusal(&self) -> Error {
        let Told {
            repository,
            plugin,
            window,
            last_contact,
        } = &*self.told;
        let last = match last_contact.load(Ordering::Acquire) {
            0 => "never".to_owned(),
            at => format!("{:.1?} ago", self.clock.now().since(BootTime(at))),
        };
        let message = format!(
            "the deployment window of plugin \"{plugin}\" has expired: repository {repository:?} was last reached {last}, the window \
             is {window:?}, or this release is deployed no more; calls are let in again when it is reached and names a release that is loaded"
        );
        Error::new(ErrorKind::Unavailable, message)
            .dispatched_as(Dispatched::No)
            .with("repository", repository)
            .with("last contact", last)
            .with("deployment window", format!("{window:?}"))
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("plugin", &self.told.plugin)
            .field("remaining", &self.remaining())
            .finish()
    }
}
