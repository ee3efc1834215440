//! What time does to subscriptions: leases and deadlines end, versions come and go, what is old is swept.

mod retire;
mod tend;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use polywire_core::{Error, Result};
use tokio::time::sleep;

use super::rewrite::Rewritten;
use super::{Inner, NoticeCode, Server};
use crate::clock::later;
use crate::record::{State, Subscription};
use crate::store::{MAX_BATCH, Subscriptions, Sweep};
use tend::Tended;

/// How often one round sweeps at most.
const SWEEPS: usize = 100;

impl Server {
    /// Looks once at every subscription and sweeps what is old, as this server does by itself every
    /// [`upkeep`](super::ServerOptions::upkeep).
    ///
    /// # Errors
    /// Those of the store; what was done until then stays done.
    pub async fn tend(&self) -> Result<()> {
        self.inner().tend().await
    }
}

/// Tends, for as long as the server is there.
pub(super) async fn keep_up(inner: Arc<Inner>) {
    loop {
        sleep(inner.options.upkeep).await;
        if let Err(error) = inner.tend().await {
            tracing::warn!(%error, "webhook subscriptions could not be looked after: tried again later");
        }
    }
}

impl Inner {
    async fn tend(&self) -> Result<()> {
        let mut ask = Subscriptions::default();
        loop {
            let page = self.store.subscriptions(&ask).await?;
            let more = page.len() == MAX_BATCH;
            ask.after = page.last().map(|last| last.id.clone());
            for subscription in page {
                let id = subscription.id.clone();
                // One that cannot be read or sealed is in nobody else's way.
                if let Err(error) = self.tend_one(subscription).await {
                    tracing::warn!(subscription = %id, %error, "a webhook subscription could not be looked after");
                }
            }
            if !more {
                break;
            }
        }
        self.sweep().await
    }

    async fn tend_one(&self, subscription: Subscription) -> Result<()> {
        let now = self.now();
        if self.is_to_go(&subscription, now) {
            return self.let_go(subscription, now).await;
        }
        let service = self.service(subscription.terms.contract());
        let mut tended = Tended::default();
        let rewritten = self
            .rewrite::<Error>(subscription, |found, terms| {
                tended = tend::tend(terms, service.as_deref(), &self.options, now);
                let resealed = self.keys.reseal_terms(&found.id, terms)?;
                Ok(tended.changed || resealed)
            })
            .await?;
        if let Rewritten::Done(done) = rewritten {
            for (code, detail) in tended.notices {
                self.notice(&done, code, detail);
            }
        }
        Ok(())
    }

    /// Whether a subscription is removed: nobody has consented in time, or it ended long ago.
    fn is_to_go(&self, subscription: &Subscription, now: Timestamp) -> bool {
        let terms = &subscription.terms;
        let waited = |since: Timestamp, long: Duration| later(since, long) <= now;
        if terms.state == State::Pending {
            return waited(terms.created_at, self.options.pending) || terms.lease_until <= now;
        }
        terms.state.is_over() && waited(terms.lease_until, self.options.keep_letters)
    }

    async fn let_go(&self, subscription: Subscription, now: Timestamp) -> Result<()> {
        let pending = subscription.terms.state == State::Pending;
        // Ended first, by its revision: one that becomes active or is renewed at this moment stays.
        let ended = self
            .rewrite::<Error>(subscription, |found, terms| {
                terms.state = State::Ended;
                Ok(self.is_to_go(found, now))
            })
            .await?;
        if let Rewritten::Done(ended) = ended {
            self.consents.forget(&ended.id);
            self.store.remove(&ended.id).await?;
            if pending {
                self.notice(&ended, NoticeCode::Unverified, "");
            }
        }
        Ok(())
    }

    async fn sweep(&self) -> Result<()> {
        let now = self.now();
        let before = |long: Duration| {
            let long = SignedDuration::try_from(long).unwrap_or(SignedDuration::MAX);
            now.saturating_sub(long).unwrap_or(Timestamp::MIN)
        };
        let sweep = Sweep {
            bodies: before(self.options.keep_bodies),
            done: before(self.options.keep_done),
            letters: before(self.options.keep_letters),
        };
        for _ in 0..SWEEPS {
            if !self.store.sweep(&sweep).await?.more {
                break;
            }
        }
        Ok(())
    }
}
