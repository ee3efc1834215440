//! What this worker has claims to.

use std::collections::HashMap;
use std::time::Duration;

use tokio::task::Id;
use tokio::time::Instant;

use crate::record::{Claim, Leased, SubscriptionId};

/// Every claim, from its lease until it is settled or lost.
#[derive(Debug, Default)]
pub(super) struct Hands {
    held: HashMap<Claim, Held>,
    bytes: usize,
}

/// One claim.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) subscription: SubscriptionId,
    pub(super) stage: Stage,
    /// Since when the lease has run for certain.
    since: Instant,
    bytes: usize,
}

/// How far its delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Queued,
    Running(Id),
    Settling,
}

impl Hands {
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// How many bytes of bodies they are.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a delivery that was asked for at a time.
    pub(super) fn take(&mut self, leased: &Leased, since: Instant) {
        let bytes = leased.delivery.body.as_ref().map_or(0, bytes::Bytes::len);
        let held = Held {
            subscription: leased.delivery.subscription.clone(),
            stage: Stage::Queued,
            since,
            bytes,
        };
        self.bytes += bytes;
        if let Some(before) = self.held.insert(leased.claim, held) {
            self.bytes -= before.bytes;
        }
    }

    pub(super) fn stage(&mut self, claim: Claim, stage: Stage) {
        if let Some(held) = self.held.get_mut(&claim) {
            held.stage = stage;
        }
    }

    /// Its claim is settled, or somebody else's.
    pub(super) fn forget(&mut self, claim: Claim) -> Option<Held> {
        let held = self.held.remove(&claim)?;
        self.bytes -= held.bytes;
        Some(held)
    }

    pub(super) fn get(&self, claim: Claim) -> Option<&Held> {
        self.held.get(&claim)
    }

    /// Whether a claim has certainly not run out.
    pub(super) fn is_good(&self, claim: Claim, lease: Duration) -> bool {
        let held = self.held.get(&claim);
        held.is_some_and(|held| held.since.elapsed() < lease)
    }

    /// Claims that have not been prolonged for some time, the oldest first, and at most so many.
    pub(super) fn older(&self, age: Duration, limit: usize) -> Vec<Claim> {
        let old = self
            .held
            .iter()
            .filter(|(_, held)| held.since.elapsed() >= age);
        let mut old: Vec<_> = old.map(|(claim, held)| (held.since, *claim)).collect();
        old.sort_unstable_by_key(|(since, _)| *since);
        old.into_iter()
            .take(limit)
            .map(|(_, claim)| claim)
            .collect()
    }

    pub(super) fn prolonged(&mut self, claim: Claim, since: Instant) {
        if let Some(held) = self.held.get_mut(&claim) {
            held.since = since;
        }
    }
}
