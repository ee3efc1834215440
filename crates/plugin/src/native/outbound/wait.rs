//! Waiting, on a thread of the plugin, for what the host's runtime does.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use futures_util::FutureExt;
use polywire_core::{Dispatched, Error, ErrorKind, Result, Thrown};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Outbound, ending};

/// How much later than its deadline something may tell that it has passed.
const GRACE: Duration = Duration::from_secs(1);

impl Outbound {
    /// Runs something on the host's runtime until its deadline, or until it is given up by its id, and waits for it.
    ///
    /// # Errors
    /// Those of the work; `DeadlineExceeded`; `Closed` when the instance ends; `Internal` when the work panicked.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        id: u64,
        deadline: Instant,
        what: &str,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        // What is dropped here is a transport's, and may tell its far side by a task.
        let _inside = self.outside.runtime.enter();
        let work = work;
        if self.closing.is_cancelled() {
            return Err(ending().dispatched_as(Dispatched::No));
        }
        let given_up = self.closing.child_token();
        let _under_way = self.enter(id, &given_up)?;
        let (sender, receiver) = sync_channel(1);
        self.outside.runtime.spawn(async move {
            let work = AssertUnwindSafe(timeout_at(deadline, work)).catch_unwind();
            let done = tokio::select! {
                biased;
                () = given_up.cancelled() => Done::GivenUp,
                done = work => match done {
                    Ok(Ok(result)) => Done::Result(result),
                    Ok(Err(_)) => Done::Late,
                    Err(payload) => {
                        drop(Thrown::new(payload));
                        Done::Panicked
                    }
                },
            };
            let _ = sender.send(done);
        });
        let patience = deadline.saturating_duration_since(Instant::now()) + GRACE;
        let done = match receiver.recv_timeout(patience) {
            Ok(done) => done,
            Err(RecvTimeoutError::Timeout) => Done::Late,
            Err(RecvTimeoutError::Disconnected) => Done::Gone,
        };
        self.told(done, what)
    }

    /// Notes something that may be given up, until what this gives is dropped; 0 is nothing of that kind.
    fn enter(&self, id: u64, given_up: &CancellationToken) -> Result<UnderWay<'_>> {
        if id != 0 {
            let mut under_way = self.under_way.lock();
            if under_way.contains_key(&id) {
                let text = format!(
                    "call.id is {id}, which is under way: an id is unique among those that run"
                );
                return Err(
                    Error::new(ErrorKind::InvalidPayload, text).dispatched_as(Dispatched::No)
                );
            }
            under_way.insert(id, given_up.clone());
        }
        Ok(UnderWay {
            outbound: self,
            id,
            given_up: given_up.clone(),
        })
    }

    fn told<T>(&self, done: Done<T>, what: &str) -> Result<T> {
        let (kind, text) = match done {
            Done::Result(result) => return result,
            Done::GivenUp if self.closing.is_cancelled() => {
                return Err(ending().dispatched_as(Dispatched::Maybe));
            }
            Done::GivenUp => (
                ErrorKind::DeadlineExceeded,
                format!("{what} was given up by the plugin"),
            ),
            Done::Late => (
                ErrorKind::DeadlineExceeded,
                format!("the deadline of {what} has passed"),
            ),
            Done::Panicked => (
                ErrorKind::Internal,
                format!("{what} failed unexpectedly in the host; see its log"),
            ),
            Done::Gone => (
                ErrorKind::Unavailable,
                format!("the host has ended before it knew of {what}"),
            ),
        };
        Err(Error::new(kind, text).dispatched_as(Dispatched::Maybe))
    }
}

/// How something ended.
enum Done<T> {
    Result(Result<T>),
    GivenUp,
    Late,
    Panicked,
    /// The runtime has.
    Gone,
}

/// Something under way. Dropping it forgets it, and ends it when it still is.
struct UnderWay<'a> {
    outbound: &'a Outbound,
    id: u64,
    given_up: CancellationToken,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.given_up.cancel();
        if self.id != 0 {
            self.outbound.under_way.lock().remove(&self.id);
        }
    }
}
