//! Open, draining, closed; and how many are still inside: the life of one end, the same for every transport.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use crate::channel::Health;
use crate::deadline::unless;
use crate::error::{Dispatched, Error, ErrorKind, Result};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const OPEN: u8 = 0;
const DRAINING: u8 = 1;
const CLOSED: u8 = 2;

/// Where one end stands in its life.
#[derive(Debug, Default)]
pub struct Lifecycle {
    state: AtomicU8,
    inside: AtomicUsize,
    left: Notify,
    draining: CancellationToken,
    closing: CancellationToken,
}

/// Somebody inside; leaves when dropped.
#[derive(Debug)]
pub struct Inside<'a>(&'a Lifecycle);

impl Lifecycle {
    /// Says whether it is open.
    ///
    /// # Errors
    /// `Closed` when it is not, in the words that every transport uses.
    pub fn open(&self) -> Result<()> {
        match self.state.load(Ordering::Acquire) {
            OPEN => Ok(()),
            DRAINING => Err(Error::new(
                ErrorKind::Closed,
                "the channel is draining and takes nothing new",
            )),
            _ => Err(closed()),
        }
    }

    /// Counts somebody in, until what it gives is dropped.
    ///
    /// # Errors
    /// `Closed` unless open.
    pub fn enter(&self) -> Result<Inside<'_>> {
        // Counted before the look, so that a drain in between waits for it.
        self.inside.fetch_add(1, Ordering::AcqRel);
        let inside = Inside(self);
        self.open().map(|()| inside)
    }

    /// Runs something until the end is closed. It is pinned by its owner, as an `async fn` holds what it is given twice.
    ///
    /// # Errors
    /// Those of the work, and `Closed`, which may have been dispatched, when it was cut short.
    pub async fn until_closed<T, W>(&self, work: Pin<&mut W>) -> Result<T>
    where
        W: Future<Output = Result<T>>,
    {
        unless(work, || Box::pin(self.closing.cancelled()))
            .await
            .unwrap_or_else(|| Err(closed().dispatched_as(Dispatched::Maybe)))
    }

    /// Refuses newcomers.
    pub fn refuse_new(&self) {
        // What is closed stays closed.
        let _ = self
            .state
            .compare_exchange(OPEN, DRAINING, Ordering::AcqRel, Ordering::Acquire);
        self.draining.cancel();
    }

    /// Resolves once nobody is inside, or the end was closed.
    pub async fn emptied(&self) {
        loop {
            let mut left = std::pin::pin!(self.left.notified());
            // Registered before the look, so that a leave in between is not missed.
            left.as_mut().enable();
            if self.inside.load(Ordering::Acquire) == 0 || self.closing.is_cancelled() {
                return;
            }
            tokio::select! {
                () = left => {}
                () = self.closing.cancelled() => return,
            }
        }
    }

    /// Closes; `false` when it was closed already.
    pub fn close(&self) -> bool {
        let before = self.state.swap(CLOSED, Ordering::AcqRel);
        self.closing.cancel();
        before != CLOSED
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state.load(Ordering::Acquire) == OPEN
    }

    /// Cancelled once draining began.
    #[must_use]
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Cancelled once closed.
    #[must_use]
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// The health of an end that has nothing else to report.
    #[must_use]
    pub fn health(&self) -> Health {
        match self.state.load(Ordering::Acquire) {
            OPEN => Health::Ready,
            DRAINING => Health::Draining,
            _ => Health::Closed,
        }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if self.0.inside.fetch_sub(1, Ordering::AcqRel) == 1 && !self.0.is_open() {
            self.0.left.notify_waiters();
        }
    }
}

/// The error of a call whose provider's end was closed before its handler had ended.
#[must_use]
pub fn provider_closed() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the provider was closed while the handler ran",
    )
    .dispatched_as(Dispatched::Maybe)
}

/// The error of whatever is asked of a closed end.
#[must_use]
pub fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the channel is closed")
}
