//! Open, draining, closed; and how many are still inside.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use polywire_core::{Dispatched, Error, ErrorKind, Health, Result};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const OPEN: u8 = 0;
const DRAINING: u8 = 1;
const CLOSED: u8 = 2;

/// Where one end stands in its life.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    state: AtomicU8,
    inside: AtomicUsize,
    left: Notify,
    draining: CancellationToken,
    closing: CancellationToken,
}

/// Somebody inside; leaves when dropped.
#[derive(Debug)]
pub(crate) struct Inside<'a>(&'a Lifecycle);

impl Lifecycle {
    /// Refuses with `Closed` unless open.
    pub(crate) fn open(&self) -> Result<()> {
        match self.state.load(Ordering::Acquire) {
            OPEN => Ok(()),
            DRAINING => Err(Error::new(
                ErrorKind::Closed,
                "the channel is draining and takes nothing new",
            )),
            _ => Err(closed()),
        }
    }

    /// Counts somebody in.
    pub(crate) fn enter(&self) -> Result<Inside<'_>> {
        // Counted before the look, so that a drain in between waits for it.
        self.inside.fetch_add(1, Ordering::AcqRel);
        let inside = Inside(self);
        self.open().map(|()| inside)
    }

    /// Runs something until the end is closed.
    pub(crate) async fn until_closed<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.closing.cancelled() => Err(closed().dispatched_as(Dispatched::Maybe)),
        }
    }

    /// Refuses newcomers.
    pub(crate) fn refuse_new(&self) {
        // What is closed stays closed.
        let _ = self
            .state
            .compare_exchange(OPEN, DRAINING, Ordering::AcqRel, Ordering::Acquire);
        self.draining.cancel();
    }

    /// Resolves once nobody is inside, or the end was closed.
    pub(crate) async fn emptied(&self) {
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
    pub(crate) fn close(&self) -> bool {
        let before = self.state.swap(CLOSED, Ordering::AcqRel);
        self.closing.cancel();
        before != CLOSED
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.load(Ordering::Acquire) == OPEN
    }

    pub(crate) fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// The health of an end that has nothing else to report.
    pub(crate) fn health(&self) -> Health {
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

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the channel is closed")
}
