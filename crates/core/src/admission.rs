//! Admission: everything decided about a message before its handler runs, and the run itself.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::auth::Caller;
use crate::context::Context;
use crate::deadline::until;
use crate::error::{Dispatched, Error, ErrorKind, Result};
use crate::message::{ContentType, Head, Kind, Reply};
use crate::options::after;
use crate::provider::Answer;
use crate::service::{Decision, Service};
use crate::stamp::Stamp;
use crate::thrown::Thrown;

/// A message that may run: agreed on a version, authenticated, in time.
#[derive(Debug)]
pub struct Admission {
    cx: Context,
    decision: Arc<Decision>,
    service: Arc<Service>,
}

impl Service {
    /// Decides whether a message may run, from its head alone, before its payload is read.
    ///
    /// # Errors
    /// `Unavailable` while draining, `Unauthenticated`, `NoMatch`, `Integrity`, `Unsupported` for a content type other than
    /// JSON or an interaction of another kind, `DeadlineExceeded`, `InvalidPayload` without a requirement.
    pub fn admit(self: &Arc<Self>, head: impl Into<Box<Head>>) -> Result<Admission> {
        let head = head.into();
        self.refuse_while_draining()?;
        let caller = self.authenticate(&head)?;
        self.examine(head, caller)
    }

    /// As [`admit`](Self::admit) for a command that was accepted earlier, also while draining. A caller that was verified
    /// then is not verified again: its token may have expired since.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), but not `Unavailable`.
    pub fn admit_accepted(
        self: &Arc<Self>,
        head: impl Into<Box<Head>>,
        verified: Option<Caller>,
    ) -> Result<Admission> {
        let head = head.into();
        let caller = match verified {
            Some(caller) => caller,
            None => self.authenticate(&head)?,
        };
        self.examine(head, caller)
    }

    /// Who sent a message, by its token.
    ///
    /// # Errors
    /// `Unauthenticated` as the configured authenticator decides; without one everybody is anonymous.
    pub fn authenticate(&self, head: &Head) -> Result<Caller> {
        match &self.authenticator {
            Some(authenticator) => authenticator.authenticate(head.token.as_ref(), head),
            None => Ok(Caller::anonymous()),
        }
    }

    fn examine(self: &Arc<Self>, mut head: Box<Head>, caller: Caller) -> Result<Admission> {
        let Some(requirement) = &head.requirement else {
            return Err(Error::new(
                ErrorKind::InvalidPayload,
                format!(
                    "no version required of contract {:?}: state a range such as ^1.2",
                    self.name().as_str()
                ),
            )
            .dispatched_as(Dispatched::No));
        };
        let decision = self.decide(requirement, &head.interaction)?;
        if decision.kind != head.kind || decision.kind == Kind::Event {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "{}.{} is declared as {} and was used as {}",
                    head.contract, head.interaction, decision.kind, head.kind
                ),
            ));
        }
        if head.content_type != ContentType::JSON {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "content type {:?} is not spoken here: send {}",
                    head.content_type.as_str(),
                    ContentType::JSON
                ),
            ));
        }
        let now = Instant::now();
        match head.deadline {
            Some(deadline) if deadline <= now => {
                return Err(Error::new(
                    ErrorKind::DeadlineExceeded,
                    "the deadline had passed when the message arrived",
                )
                .dispatched_as(Dispatched::No));
            }
            Some(deadline) => head.deadline = Some(deadline.min(now + self.limits.max_duration)),
            None => head.deadline = Some(after(self.limits.max_duration)),
        }
        head.idempotent = decision.idempotent;
        let cx = Context::new(head, decision.stamp.clone(), caller);
        Ok(Admission {
            cx,
            decision,
            service: self.clone(),
        })
    }
}

impl Admission {
    /// The agreement, which every answer is stamped with.
    #[must_use]
    pub fn stamp(&self) -> &Arc<Stamp> {
        &self.decision.stamp
    }

    /// What the handler will be told.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.cx
    }

    /// What it takes to run an accepted command later: who sent it, and the agreement under which it was taken.
    #[must_use]
    pub fn into_accepted(self) -> (Box<Head>, Caller, Arc<Stamp>) {
        let (head, caller) = self.cx.into_parts();
        (head, caller, self.decision.stamp.clone())
    }

    /// The largest payload it may have, in bytes.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        self.service.limits.max_payload
    }

    /// When its time is up.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.cx.deadline().unwrap_or_else(|| after(Duration::MAX))
    }

    /// Runs the handler with the payload, if there is a place among those that run.
    ///
    /// # Errors
    /// `Overloaded` without a place, `Unavailable` when draining began, `TooLarge`, `InvalidPayload`, `DeadlineExceeded` when
    /// the handler was still running, `Internal` when it panicked.
    ///
    /// # Cancel safety
    /// Dropping the future drops the handler where it waits.
    pub async fn dispatch(self, body: Bytes) -> Result<Reply> {
        let _place = self.service.enter()?;
        self.run(body).await
    }

    /// As [`dispatch`](Self::dispatch) for accepted work: waits for a place, also while draining.
    ///
    /// # Errors
    /// As [`dispatch`](Self::dispatch), but neither `Overloaded` nor `Unavailable`.
    pub async fn dispatch_accepted(self, body: Bytes) -> Result<Reply> {
        let _place = self.service.wait_to_enter().await?;
        self.run(body).await
    }

    async fn run(&self, body: Bytes) -> Result<Reply> {
        let Self {
            cx,
            decision,
            service,
        } = self;
        let limit = service.limits.max_payload;
        if body.len() > limit {
            return Err(too_large(body.len(), limit));
        }
        let deadline = cx
            .deadline()
            .unwrap_or_else(|| after(service.limits.max_duration));
        let run = AssertUnwindSafe(decision.provider.handle(cx, body)).catch_unwind();
        let answer = match until(deadline, run).await {
            Some(Ok(answer)) => answer,
            Some(Err(panic)) => Err(panicked(cx, &Thrown::new(panic))),
            None => Err(Error::new(
                ErrorKind::DeadlineExceeded,
                format!(
                    "the handler of {}.{} was still running at the deadline and was cancelled",
                    cx.head().contract,
                    cx.head().interaction
                ),
            )
            .dispatched_as(Dispatched::Yes)),
        };
        let Answer { outcome, body } = answer?;
        Ok(Reply {
            stamp: decision.stamp.clone(),
            outcome,
            body,
        })
    }
}

/// The error for a payload beyond its bound.
#[must_use]
pub fn too_large(found: usize, limit: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!("payload of {found} bytes: at most {limit} bytes are taken"),
    )
}

fn panicked(cx: &Context, panic: &Thrown) -> Error {
    let Head {
        contract,
        interaction,
        id,
        ..
    } = cx.head();
    tracing::error!(%contract, %interaction, %id, panic = panic.text(), "handler panicked");
    // The panic's text may hold anything, so it stays in the provider's log.
    Error::new(ErrorKind::Internal, format!("the handler of {contract}.{interaction} failed unexpectedly; see the provider's log for message {id}"))
        .dispatched_as(Dispatched::Yes)
}

impl std::fmt::Debug for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decision")
            .field("stamp", &self.stamp)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
