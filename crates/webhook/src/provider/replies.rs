//! Calls under way, and their replies to the hooks of callers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use polywire_core::{Admission, Dispatched, Error, ErrorKind, MessageId};
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
/// How long an end waits until callers have heard of it.
const FAREWELL: Duration = Duration::from_secs(5);

/// Runs calls and hands their replies over.
#[derive(Clone)]
pub(super) struct Replies {
    sender: Sender,
    clock: Arc<dyn Clock>,
    closing: CancellationToken,
    calls: TaskTracker,
}

impl Replies {
    pub(super) fn new(sender: Sender, clock: Arc<dyn Clock>) -> Self {
        Self {
            sender,
            clock,
            closing: CancellationToken::new(),
            calls: TaskTracker::new(),
        }
    }

    /// A call that [`close`](Self::close) waits for.
    pub(super) fn track<F: Future>(&self, call: F) -> impl Future<Output = F::Output> + use<F> {
        self.calls.track_future(call)
    }

    /// Ends what runs, and waits a little until callers have heard of it: nobody else would tell them that no reply comes.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.calls.close();
        if timeout(FAREWELL, self.calls.wait()).await.is_err() {
            let left = self.calls.len();
            tracing::warn!(left, "callers have not heard that their calls were ended");
        }
    }

    /// Runs a call, and hands its reply over.
    pub(super) async fn answer(
        &self,
        caller: &Known,
        request: &str,
        admission: Admission,
        body: Bytes,
    ) {
        let head = admission.context().head().clone();
        let (stamp, deadline) = (admission.stamp().clone(), admission.deadline());
        let answered = tokio::select! {
            biased;
            answered = admission.dispatch(body) => answered,
            () = self.closing.cancelled() => Err(Error::new(
                ErrorKind::Unavailable,
                "the provider was closed while the call ran",
            )
            .dispatched_as(Dispatched::Maybe)),
        };
        let event = match reply(&head, request, &stamp, answered) {
            Ok(event) => event,
            Err(error) => match reply(&head, request, &stamp, Err(error)) {
                Ok(event) => event,
                Err(error) => return tracing::error!(%error, "a reply cannot be written"),
            },
        };
        self.hand_over(caller, event.into(), deadline).await;
    }

    /// Posts a reply until it is taken, nobody can take it, or its time is up.
    async fn hand_over(&self, caller: &Known, body: Bytes, deadline: Instant) {
        // Whoever waits hears of a deadline that has passed a little later than it knows itself.
        let until = deadline + WAITS[0];
        let id = MessageId::random().to_string();
        for wait in WAITS.into_iter().map(Some).chain([None]) {
            let signed = match caller.signer.sign(&id, self.clock.now(), &body) {
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
            let sending =
                self.sender
                    .send(&caller.target, Method::POST, headers, body.clone(), limits);
            let Ok(sent) = timeout_at(until.max(Instant::now() + WAITS[0]), sending).await else {
                break;
            };
            match (sent.answer.meaning(), wait) {
                (Meaning::Accepted, _) => return,
                (Meaning::Retry | Meaning::Throttle, Some(wait))
                    if Instant::now() + wait < until && !self.closing.is_cancelled() =>
                {
                    tokio::select! {
                        () = sleep(wait) => {}
                        // Once more, at once.
                        () = self.closing.cancelled() => {}
                    }
                }
                (_, _) => break,
            }
        }
        tracing::warn!(caller = %caller.id, "a reply was not taken");
    }
}
