//! Changing a subscription that others may change at the same time.

use polywire_core::{Error, ErrorKind};

use super::Inner;
use super::Server;
use super::reply::{Answered, Refusal};
use super::route::{Asked, stale};
use crate::record::{Subscription, SubscriptionId, Terms};
use crate::store::Updated;

/// How often somebody else may be first.
const TRIES: usize = 32;

/// What became of a change.
pub(super) enum Rewritten {
    /// It was made.
    Done(Subscription),
    /// There was nothing to change.
    Unchanged(Subscription),
    /// There is no such subscription any more.
    Absent,
}

impl Inner {
    /// Changes the terms of a subscription, again and again when somebody else was first. `change` says whether there is
    /// something to change.
    pub(super) async fn rewrite<E: From<Error>>(
        &self,
        mut subscription: Subscription,
        mut change: impl FnMut(&Subscription, &mut Terms) -> Result<bool, E>,
    ) -> Result<Rewritten, E> {
        for _ in 0..TRIES {
            let mut terms = subscription.terms.clone();
            if !change(&subscription, &mut terms)? {
                return Ok(Rewritten::Unchanged(subscription));
            }
            let updated = self
                .store
                .update(&subscription.id, subscription.revision, terms)
                .await?;
            match updated {
                Updated::Done(done) => {
                    self.book.put(&done);
                    return Ok(Rewritten::Done(*done));
                }
                Updated::Stale(found) => subscription = *found,
                Updated::Absent => return Ok(Rewritten::Absent),
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "subscription {} is changed by others all the time",
                subscription.id
            ),
        )
        .into())
    }
}

impl Server {
    /// A subscription of the tenant who asks.
    pub(super) async fn own(&self, asked: &Asked, id: &SubscriptionId) -> Answered<Subscription> {
        let found = self.inner().store.subscription(id).await?;
        let own = found.filter(|found| found.terms.tenant == asked.tenant);
        own.ok_or_else(Refusal::absent)
    }

    /// Changes a subscription of the tenant who asks, if it is at the revision that the request names.
    pub(super) async fn alter(
        &self,
        asked: &Asked,
        id: &SubscriptionId,
        revision: Option<u64>,
        mut change: impl FnMut(&Subscription, &mut Terms) -> Answered<()>,
    ) -> Answered<Subscription> {
        let own = self.own(asked, id).await?;
        let change = |found: &Subscription, terms: &mut Terms| {
            if revision.is_some_and(|revision| revision != found.revision) {
                return Err(stale());
            }
            if terms.state.is_over() {
                return Err(over(found));
            }
            change(found, terms)?;
            Ok(*terms != found.terms)
        };
        match self.inner().rewrite(own, change).await? {
            Rewritten::Done(changed) | Rewritten::Unchanged(changed) => Ok(changed),
            Rewritten::Absent => Err(Refusal::absent()),
        }
    }
}

fn over(found: &Subscription) -> Refusal {
    Refusal::coded(
        http::StatusCode::GONE,
        "subscription-over",
        format!(
            "the subscription is {}: create another one",
            found.terms.state
        ),
    )
}
