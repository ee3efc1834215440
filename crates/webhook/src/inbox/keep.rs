//! What goes on by itself: claims are prolonged while members hold them, and what is old goes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::shared::Shared;
use crate::record::{Claim, DeliveryId, Fate, Settlement};
use crate::store::MAX_BATCH;

/// Prolongs the claims of all that is held, at a third of the lease.
pub(super) async fn prolong(shared: Arc<Shared>) {
    let mut beat = interval(shared.options.lease / 3);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = shared.ended.cancelled() => return,
            _ = beat.tick() => {}
        }
        let held: Vec<Claim> = {
            let state = shared.state.lock();
            let claim = |(id, fence): (&DeliveryId, &u64)| Claim {
                id: *id,
                fence: *fence,
            };
            state.held.iter().map(claim).collect()
        };
        for claims in held.chunks(MAX_BATCH) {
            match shared.store.extend(claims, shared.options.lease).await {
                Ok(kept) => shared.lost(claims, &kept),
                // There are two more beats before the leases run out.
                Err(error) => tracing::warn!(%error, "leases could not be prolonged"),
            }
        }
    }
}

/// Removes what is old, some of it at once.
pub(super) async fn sweep(shared: Arc<Shared>) {
    let mut beat = interval(shared.options.sweep_every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = shared.ended.cancelled() => return,
            _ = beat.tick() => {}
        }
        while !shared.ended.is_cancelled() {
            match shared.store.sweep(&shared.options.sweep()).await {
                Ok(swept) if swept.more => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "what is old could not be removed");
                    break;
                }
            }
        }
    }
}

impl Shared {
    fn lost(&self, claims: &[Claim], kept: &[bool]) {
        let mut state = self.state.lock();
        for (claim, kept) in claims.iter().zip(kept) {
            // One that was settled meanwhile is not there any more.
            if !kept && state.held.get(&claim.id) == Some(&claim.fence) {
                state.held.remove(&claim.id);
                tracing::warn!(delivery = %claim.id, "a lease has run out; somebody else may have the message");
            }
        }
    }

    /// Gives back what is in somebody's hands, so that others need not wait until its lease has run out.
    pub(super) async fn release(&self) {
        let held: Vec<_> = self.state.lock().held.drain().collect();
        for held in held.chunks(MAX_BATCH) {
            let settlement = |(id, fence): &(_, u64)| Settlement {
                claim: Claim {
                    id: *id,
                    fence: *fence,
                },
                fate: Fate::Release {
                    after: Duration::ZERO,
                },
                attempt: None,
            };
            let settlements = held.iter().map(settlement).collect();
            if let Err(error) = self.store.settle(settlements).await {
                tracing::warn!(%error, "messages could not be given back; others have them when the leases have run out");
            }
        }
    }
}
