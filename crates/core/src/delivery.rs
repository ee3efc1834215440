//! An event in a subscriber's hands, and what it may do with it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt};
use polywire_contract::Retry;

use crate::error::{Error, ErrorKind, Result};
use crate::message::{Head, Outcome, Reply};

/// What becomes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done with: never delivered to this group again.
    Ack,
    /// Deliver again to the group, not before this long, counted as an attempt; after the last one it is dead-lettered.
    Retry {
        /// How long to wait; `None` leaves it to the policy's backoff.
        after: Option<Duration>,
    },
    /// Never going to work: dead-lettered with the reason.
    Reject {
        /// Why, for the operator who finds it.
        reason: String,
    },
    /// Not for this version of the subscriber: set aside with the reason, apart from dead letters, for replay.
    Park {
        /// Why, for the operator who finds it.
        reason: String,
    },
}

impl Verdict {
    /// What becomes of an accepted command, by its handler's answer or by what kept the handler from giving one.
    #[must_use]
    pub fn of_command(result: Result<Reply>) -> Self {
        match result {
            Ok(reply) => match reply.outcome {
                Outcome::Done => Self::Ack,
                Outcome::Failed {
                    retryable: true, ..
                } => Self::Retry { after: None },
                Outcome::Failed { code, .. } => Self::Reject {
                    reason: format!("application error {code}"),
                },
            },
            Err(error) => Self::after_error(&error),
        }
    }

    fn after_error(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::NoMatch | ErrorKind::Integrity => Self::Park {
                reason: error.to_string(),
            },
            ErrorKind::Internal => Self::Retry { after: None },
            _ if error.retry() == Retry::Never => Self::Reject {
                reason: error.to_string(),
            },
            _ => Self::Retry {
                after: error.wait(),
            },
        }
    }
}

/// The transport's side of a delivery: carries the verdict to whoever keeps the message.
pub trait Settle: Send {
    /// Carries out a verdict. Resolves when it is certain.
    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<()>>;

    /// The delivery was dropped unsettled: return it to the group at once. Must not block.
    fn abandon(self: Box<Self>);
}

/// An event handed to a member of a group.
///
/// Settle it with [`ack`](Self::ack), [`retry`](Self::retry) or [`reject`](Self::reject). Dropped unsettled, it
/// returns to the group and is delivered again.
pub struct Delivery {
    /// Who published what, at which version, and which attempt this is.
    pub head: Head,
    /// The payload.
    pub body: Bytes,
    settle: Option<Box<dyn Settle>>,
}

impl Delivery {
    /// A delivery as a transport hands it out.
    #[must_use]
    pub fn new(head: Head, body: Bytes, settle: Box<dyn Settle>) -> Self {
        Self {
            head,
            body,
            settle: Some(settle),
        }
    }

    /// Done: it is not delivered to this group again.
    ///
    /// # Errors
    /// `Unavailable` when the keeper of the message cannot be told; it will then be delivered again.
    pub async fn ack(self) -> Result<()> {
        self.settle(Verdict::Ack).await
    }

    /// Not now: delivered again, to any member, after `after`; counted, and dead-lettered after the last attempt.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub async fn retry(self, after: Duration) -> Result<()> {
        self.settle(Verdict::Retry { after: Some(after) }).await
    }

    /// Never: dead-lettered with the reason.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub async fn reject(self, reason: impl Into<String> + Send) -> Result<()> {
        self.settle(Verdict::Reject {
            reason: reason.into(),
        })
        .await
    }

    /// Settles with any verdict.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub async fn settle(mut self, verdict: Verdict) -> Result<()> {
        match self.settle.take() {
            Some(settle) => settle.settle(verdict).await,
            None => Ok(()),
        }
    }

    /// Takes the delivery apart without settling it, for a wrapper that settles later.
    #[must_use]
    pub fn into_parts(mut self) -> (Head, Bytes, Option<Box<dyn Settle>>) {
        let head = Head::new(
            self.head.kind,
            self.head.contract.clone(),
            self.head.interaction.clone(),
        );
        (
            std::mem::replace(&mut self.head, head),
            std::mem::take(&mut self.body),
            self.settle.take(),
        )
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(settle) = self.settle.take() {
            settle.abandon();
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("head", &self.head)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The stream of a subscription; it ends when the channel drains or is closed, and dropping it leaves the group.
pub struct Deliveries(Pin<Box<dyn Stream<Item = Delivery> + Send>>);

impl Deliveries {
    /// A subscription's stream.
    pub fn new(stream: impl Stream<Item = Delivery> + Send + 'static) -> Self {
        Self(Box::pin(stream))
    }

    /// The next delivery; `None` once the channel drains or is closed.
    ///
    /// # Cancel safety
    /// A delivery is never lost by dropping this future.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.0.next().await
    }
}

impl Stream for Deliveries {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Delivery>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deliveries")
    }
}
