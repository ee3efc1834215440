//! Leases are prolonged for as long as their deliveries are in this worker's hands.

use std::collections::HashSet;
use std::time::Duration;

use polywire_core::Result;
use tokio::time::Instant;

use super::Worker;
use super::backoff::Backoff;
use super::endpoints::Told;
use super::hands::Stage;
use crate::record::{Claim, SubscriptionId};
use crate::store::MAX_BATCH;

/// When leases are prolonged.
#[derive(Debug)]
pub(super) struct Beating {
    lease: Duration,
    next: Instant,
    busy: bool,
    backoff: Backoff,
}

impl Beating {
    pub(super) fn new(lease: Duration) -> Self {
        Self {
            lease,
            next: Instant::now() + lease / 6,
            busy: false,
            backoff: Backoff::default(),
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        (!self.busy).then(|| self.backoff.until().unwrap_or(self.next))
    }
}

impl Worker {
    /// Prolongs what has run for a third of its time.
    pub(super) fn beat(&mut self) {
        let beating = &mut self.beating;
        let now = Instant::now();
        if beating.busy || now < beating.next || beating.backoff.until().is_some() {
            return;
        }
        let claims = self.hands.older(beating.lease / 3, MAX_BATCH);
        if claims.is_empty() {
            beating.next = now + beating.lease / 6;
            return;
        }
        beating.busy = true;
        let (store, lease) = (self.store.clone(), beating.lease);
        let answer = async move {
            let extended = store.extend(&claims, lease).await;
            Told::Extended(now, claims, extended)
        };
        self.asked.push(Box::pin(answer));
    }

    pub(super) fn extended(
        &mut self,
        asked: Instant,
        claims: Vec<Claim>,
        extended: Result<Vec<bool>>,
    ) {
        self.beating.busy = false;
        let extended = match extended {
            Ok(extended) => extended,
            Err(error) => {
                let what = "leases of webhook deliveries cannot be prolonged";
                self.beating.backoff.failed(what, &error);
                return;
            }
        };
        self.beating.backoff.succeeded();
        // More than one batch goes on at once.
        if claims.len() < MAX_BATCH {
            self.beating.next = asked + self.beating.lease / 6;
        }
        let mut lost = HashSet::new();
        for (claim, extended) in claims.into_iter().zip(extended) {
            if extended {
                self.hands.prolonged(claim, asked);
            } else {
                lost.extend(self.lost(claim));
            }
        }
        // Once all that is lost is known, so that none of it is begun in the place of another.
        for id in lost {
            self.look(&id);
        }
    }

    /// Somebody else may have it: what this worker does with it ends, and what it would say of it is void. Its subscription
    /// then has room.
    fn lost(&mut self, claim: Claim) -> Option<SubscriptionId> {
        let held = self.hands.get(claim)?;
        let (stage, id) = (held.stage, held.subscription.clone());
        match stage {
            // What comes of it is void, and the store says so.
            Stage::Settling => return None,
            Stage::Queued => {
                if let Some(place) = self.places.get(&id) {
                    place.queue.retain(|leased| leased.claim != claim);
                }
            }
            Stage::Running(task) => {
                if let Some(running) = self.running.remove(&task) {
                    running.task.abort();
                    self.abandon(&id, running.permit);
                }
            }
        }
        tracing::warn!(delivery = %claim.id, "the claim to a webhook delivery was lost: its lease ran out");
        self.hands.forget(claim);
        Some(id)
    }
}
