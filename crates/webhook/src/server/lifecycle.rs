//! Renewing, pausing, resuming and ending.

use http::StatusCode;

use super::change::propose;
use super::document::Secrets;
use super::reply::{Answered, Refusal, empty};
use super::route::{Asked, applied};
use super::{NoticeCode, Server};
use crate::record::{PauseReason, State, SubscriptionId};
use crate::schedule::{Standing, Stop};
use crate::wire::Renew;

impl Server {
    pub(super) async fn renew(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let revision = asked.if_match()?;
        let ask: Renew = asked.document_or_default()?;
        let inner = self.inner();
        let renewed = self
            .alter(asked, id, revision, |_, terms| {
                terms.lease_until =
                    inner.lease_until(terms.contract(), &terms.version, ask.lease_seconds)?;
                Ok(())
            })
            .await?;
        self.shown(StatusCode::OK, &renewed, &Secrets::default())
            .await
    }

    pub(super) async fn pause(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let revision = asked.if_match()?;
        let reason = if asked.operator {
            PauseReason::Operator
        } else {
            PauseReason::Subscriber
        };
        let paused = self
            .alter(asked, id, revision, |_, terms| match terms.state {
                State::Active | State::VersionMismatch => {
                    terms.state = State::Paused { reason };
                    Ok(())
                }
                // Then not even the subscriber resumes it.
                State::Paused {
                    reason: PauseReason::Subscriber,
                } => {
                    terms.state = State::Paused { reason };
                    Ok(())
                }
                State::Paused { .. } => Ok(()),
                state => Err(wrong(state, "paused", "one that is active")),
            })
            .await?;
        self.shown(StatusCode::OK, &paused, &Secrets::default())
            .await
    }

    pub(super) async fn resume(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let revision = asked.if_match()?;
        let inner = self.inner();
        let (mut anew, mut asks) = (false, false);
        let now = inner.now();
        let resumed = self
            .alter(asked, id, revision, |_, terms| {
                (anew, asks) = (false, false);
                match terms.state {
                    State::Active => anew = true,
                    State::Paused {
                        reason: PauseReason::Subscriber,
                    }
                    | State::VersionMismatch => {
                        terms.state = State::Active;
                    }
                    State::Disabled { why: Stop::Failing } => {
                        (terms.state, anew) = (State::Active, true);
                    }
                    // What was gone must say that it is back.
                    State::Disabled { why: Stop::Gone } => {
                        propose(terms, now).resume = true;
                        asks = true;
                    }
                    State::Paused {
                        reason: PauseReason::Operator,
                    } if asked.operator => {
                        terms.state = State::Active;
                    }
                    State::Paused {
                        reason: PauseReason::VersionRetired,
                    } => {
                        // It may be there again, when a deployment was undone.
                        inner.still_offered(terms, &terms.version, now)?;
                        terms.upgrade = None;
                        terms.state = State::Active;
                    }
                    State::Paused {
                        reason: PauseReason::Operator,
                    } => {
                        return Err(Refusal::conflict(
                            "paused-by-operator",
                            "an operator of the provider has paused the subscription: ask there",
                        ));
                    }
                    state => return Err(wrong(state, "resumed", "one that was active before")),
                }
                Ok(())
            })
            .await?;
        let wait = asked.wait();
        let resumed = if asks {
            self.consented(resumed, wait).await?
        } else {
            if anew {
                inner.store.stand(id, &Standing::default()).await?;
                inner.notice(&resumed, NoticeCode::Resumed, "");
            }
            self.own(asked, id).await?
        };
        let reply = self
            .shown(StatusCode::OK, &resumed, &Secrets::default())
            .await?;
        Ok(applied(reply, wait.filter(|_| asks)))
    }

    pub(super) async fn delete(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let revision = asked.if_match()?;
        let own = self.own(asked, id).await?;
        if !own.terms.state.is_over() {
            // Ended first, by its revision, so that nobody's change is lost unseen.
            self.alter(asked, id, revision, |_, terms| {
                terms.state = State::Ended;
                Ok(())
            })
            .await?;
        } else if revision.is_some_and(|revision| revision != own.revision) {
            return Err(super::route::stale());
        }
        self.inner().consents.forget(id);
        self.inner().store.remove(id).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(super) async fn verify(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let own = self.own(asked, id).await?;
        if own.terms.state.is_over() {
            return Err(wrong(own.terms.state, "verified", "one that is pending"));
        }
        let wait = asked.wait();
        let verified = if own.terms.state == State::Pending || own.terms.proposed.is_some() {
            self.consented(own, wait).await?
        } else {
            own
        };
        let reply = self
            .shown(StatusCode::OK, &verified, &Secrets::default())
            .await?;
        Ok(applied(reply, wait))
    }
}

fn wrong(state: State, what: &str, valid: &str) -> Refusal {
    Refusal::conflict(
        "wrong-state",
        format!("the subscription is {state} and cannot be {what}: expected {valid}"),
    )
}
