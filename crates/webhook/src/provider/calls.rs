//! Calls under way: run, cancelled, and answered to the hook of whoever made them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use polywire_core::lifecycle::provider_closed;
use polywire_core::{Admission, MessageId};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::callers::Known;
use crate::clock::Clock;
use crate::deliver::{SendLimits, Sender};
use crate::schedule::Meaning;
use crate::wire::{reply, request_headers};

/// The waits between attempts to hand over a reply; its deadline ends them.
const WAITS: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];
/// The largest part of an answer to a reply that is read.
const ANSWER: usize = 4096;
/// How long callers may take to hear that their calls were ended. Who cannot be told runs into the deadline.
const FAREWELL: Duration = Duration::from_secs(1);

/// A caller's request: its registration, and the id that it signed.
pub(super) type Key = (Arc<str>, String);

/// The calls of one contract. All are ended with this value.
pub(super) struct Calls {
    sender: Sender,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    running: Arc<Mutex<HashMap<Key, AbortHandle>>>,
    closing: CancellationToken,
}

impl Calls {
    pub(super) fn new(sender: Sender, clock: Arc<dyn Clock>) -> Self {
        Self {
            sender,
            clock,
            tasks: TaskTracker::new(),
            running: Arc::default(),
            closing: CancellationToken::new(),
        }
    }

    /// Runs a call by itself, and hands its reply over.
    pub(super) fn run(&self, caller: Arc<Known>, key: Key, admission: Admission, body: Bytes) {
        let (sender, clock) = (self.sender.clone(), self.clock.clone());
        let closing = self.closing.clone();
        let of = Ended {
            key: key.clone(),
            running: self.running.clone(),
        };
        let call = async move {
            let (head, stamp) = (
                admission.context().head().clone(),
                admission.stamp().clone(),
            );
            let deadline = admission.deadline();
            let answered = tokio::select! {
                biased;
                answered = admission.dispatch(body) => answered,
                () = closing.cancelled() => Err(provider_closed()),
            };
            let event = reply(&head, &of.key.1, &stamp, answered)
                .or_else(|error| reply(&head, &of.key.1, &stamp, Err(error)));
            match event {
                Ok(event) => {
                    hand_over(&caller, &sender, clock.as_ref(), event.into(), deadline).await;
                }
                Err(error) => tracing::error!(%error, "a reply cannot be written"),
            }
            drop(of);
        };
        // Held while it starts, so that one that ends at once is not kept after it.
        let mut running = self.running.lock();
        let task = self.tasks.spawn(call);
        running.insert(key, task.abort_handle());
    }

    /// Ends a call for which nobody waits any more.
    pub(super) fn cancel(&self, key: &Key) {
        if let Some(running) = self.running.lock().remove(key) {
            running.abort();
        }
    }

    /// Waits until every call has been answered.
    pub(super) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Ends every call, and tells who waits for it.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        let told = timeout(FAREWELL, self.finish()).await;
        if told.is_err() {
            tracing::warn!(
                "callers could not be told within {FAREWELL:?} that their calls were ended"
            );
        }
        self.abort();
    }

    fn abort(&self) {
        for (_, running) in self.running.lock().drain() {
            running.abort();
        }
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Posts a reply until it is taken, nobody can take it, or its time is up.
async fn hand_over(
    caller: &Known,
    sender: &Sender,
    clock: &dyn Clock,
    body: Bytes,
    deadline: Instant,
) {
    // Whoever waits hears of a deadline that has passed a little later than it knows itself.
    let until = deadline + WAITS[0];
    let id = MessageId::random().to_string();
    for wait in WAITS.into_iter().map(Some).chain([None]) {
        let signed = match caller.signer.sign(&id, clock.now(), &body) {
            Ok(signed) => signed,
            Err(error) => return tracing::error!(%error, "a reply cannot be signed"),
        };
        let headers: HeaderMap = match request_headers(&signed, &caller.id, None) {
            Ok(headers) => headers,
            Err(error) => return tracing::error!(%error, "a reply cannot be signed"),
        };
        let limits = SendLimits {
            body: ANSWER,
            ..SendLimits::default()
        };
        let sending = sender.send(&caller.target, Method::POST, headers, body.clone(), limits);
        let Ok(sent) = timeout_at(until.max(Instant::now() + WAITS[0]), sending).await else {
            break;
        };
        match (sent.answer.meaning(), wait) {
            (Meaning::Accepted, _) => return,
            (Meaning::Retry | Meaning::Throttle, Some(wait)) if Instant::now() + wait < until => {
                sleep(wait).await;
            }
            (_, _) => break,
        }
    }
    tracing::warn!(caller = %caller.id, "a reply was not taken");
}

/// Forgets a call when it has ended, however it did.
struct Ended {
    key: Key,
    running: Arc<Mutex<HashMap<Key, AbortHandle>>>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.running.lock().remove(&self.key);
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("running", &self.running.lock().len())
            .finish_non_exhaustive()
    }
}
