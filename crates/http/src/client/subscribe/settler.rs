//! Tells a provider what became of deliveries, many in one request, and that their member lives.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use parking_lot::Mutex;
use polywire_core::{Dispatched, Error, ErrorKind, Result, Settle, Token, Verdict};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::progress::Progress;
use crate::client::{Client, refusal};
use crate::wire::{JSON, MAX_SETTLEMENTS, Settled, Settlement, Settlements, bearer};

/// How long a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One delivery of one member, to be settled over its connection's settler.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) delivery: u64,
    pub(super) event_id: String,
    pub(super) progress: Arc<Mutex<Progress>>,
    pub(super) settler: mpsc::UnboundedSender<Order>,
    /// Its place among the deliveries that the subscriber may hold; only held.
    pub(super) _place: Option<OwnedSemaphorePermit>,
}

/// What a settler is asked to tell. There is at most one per delivery, so the prefetch bounds their queue.
#[derive(Debug)]
pub(super) enum Order {
    Settle(u64, Option<Verdict>, Option<oneshot::Sender<Result<()>>>),
    /// Nothing more is wanted.
    Leave,
}

impl Settle for Ticket {
    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            let is_final = !matches!(verdict, Verdict::Retry { .. });
            let (tell, told) = oneshot::channel();
            // A settler that is gone drops the sender, which is seen below.
            let _ = self
                .settler
                .send(Order::Settle(self.delivery, Some(verdict), Some(tell)));
            told.await
                .unwrap_or_else(|_| Err(lost("the stream it came from has ended")))?;
            if is_final {
                self.progress.lock().settle(&self.event_id);
            }
            Ok(())
        })
    }

    fn abandon(self: Box<Self>) {
        let _ = self.settler.send(Order::Settle(self.delivery, None, None));
    }
}

/// Where and as whom a member settles.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) client: Arc<Client>,
    pub(super) uri: Uri,
    pub(super) id: String,
    pub(super) token: Option<Token>,
    pub(super) heartbeat: Duration,
}

/// Runs until nobody can settle any more: its stream has ended and every delivery was settled or dropped.
pub(super) async fn run(member: Member, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut beats = interval(member.heartbeat);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beats.reset();
    let mut batch = Vec::new();
    loop {
        batch.clear();
        tokio::select! {
            biased;
            count = orders.recv_many(&mut batch, MAX_SETTLEMENTS) => if count == 0 { return },
            _ = beats.tick() => {}
        }
        beats.reset();
        tell(&member, std::mem::take(&mut batch)).await;
    }
}

async fn tell(member: &Member, batch: Vec<Order>) {
    let mut request = Settlements {
        member: member.id.clone(),
        leave: false,
        settlements: Vec::with_capacity(batch.len()),
    };
    let mut waiting = Vec::with_capacity(batch.len());
    for order in batch {
        match order {
            Order::Leave => request.leave = true,
            Order::Settle(delivery, verdict, tell) => {
                request
                    .settlements
                    .push(Settlement::new(delivery, verdict.as_ref()));
                waiting.extend(tell.map(|tell| (delivery, tell)));
            }
        }
    }
    let answer = timeout(PATIENCE, member.post(&request)).await;
    let answer = answer.unwrap_or_else(|_| Err(lost("the provider did not answer in time")));
    for (delivery, tell) in waiting {
        let result = match &answer {
            Err(error) => Err(error.clone()),
            Ok(settled) => match settled
                .failed
                .iter()
                .find(|failed| failed.delivery.parse() == Ok(delivery))
            {
                Some(failed) => Err(lost(&failed.reason)),
                None => Ok(()),
            },
        };
        // Whoever does not wait any more has been told nothing, and the event may come again.
        let _ = tell.send(result);
    }
}

impl Member {
    async fn post(&self, settlements: &Settlements) -> Result<Settled> {
        let json = serde_json::to_vec(settlements).map_err(|error| {
            Error::new(ErrorKind::Internal, "settlements have no JSON form").caused_by(error)
        })?;
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, JSON);
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, bearer(token)?);
        }
        let mut request = Request::new(Full::new(Bytes::from(json)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        let answer = self
            .client
            .exchange(request, self.uri.clone(), false, self.client.max_payload)
            .await?;
        if answer.status != StatusCode::OK {
            let error = refusal(&answer);
            return Err(if error.kind() == ErrorKind::Unroutable {
                lost(error.message())
            } else {
                error
            });
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            Error::new(
                ErrorKind::Integrity,
                "the answer to settlements cannot be read",
            )
            .caused_by(error)
        })
    }
}

fn lost(why: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the delivery cannot be settled and will come again: {why}"),
    )
    .dispatched_as(Dispatched::No)
}
