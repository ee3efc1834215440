//! What came of attempts is written down together.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use polywire_core::Result;
use tokio::time::Instant;

use super::Worker;
use super::backoff::Backoff;
use super::endpoints::Told;
use super::hands::Stage;
use crate::deliver::Notice;
use crate::record::{Claim, Fate, Settlement};
use crate::store::MAX_BATCH;

/// How many are settled at once without waiting for more.
const ENOUGH: usize = 128;

/// What is to be settled, and whom to tell when it is.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) settlement: Settlement,
    pub(super) notice: Option<Notice>,
}

/// What waits to be written down.
#[derive(Debug, Default)]
pub(super) struct Settling {
    waiting: VecDeque<Pending>,
    /// Since when the first of them waits.
    since: Option<Instant>,
    busy: bool,
    backoff: Backoff,
}

impl Settling {
    pub(super) fn push(&mut self, pending: Pending) {
        self.since.get_or_insert_with(Instant::now);
        self.waiting.push_back(pending);
    }

    pub(super) fn next(&self, gather: Duration) -> Option<Instant> {
        let since = self.since.filter(|_| !self.busy)?;
        Some(self.backoff.until().unwrap_or(since + gather))
    }

    /// The next ones, of each delivery one: a claim that was lost and leased again meanwhile is settled after the first.
    fn batch(&mut self) -> Vec<Pending> {
        let mut deliveries = HashSet::new();
        let mut batch = Vec::new();
        let mut rest = VecDeque::new();
        while let Some(pending) = self.waiting.pop_front() {
            if batch.len() < MAX_BATCH && deliveries.insert(pending.settlement.claim.id) {
                batch.push(pending);
            } else {
                rest.push_back(pending);
            }
        }
        self.since = (!rest.is_empty()).then(Instant::now);
        self.waiting = rest;
        batch
    }
}

impl Worker {
    /// What was not attempted goes back.
    pub(super) fn give_back(&mut self, claim: Claim, after: Duration) {
        let settlement = Settlement {
            claim,
            fate: Fate::Release { after },
            attempt: None,
        };
        self.hands.stage(claim, Stage::Settling);
        self.settling.push(Pending {
            settlement,
            notice: None,
        });
    }

    /// Settles what has gathered.
    pub(super) fn settle(&mut self) {
        let settling = &mut self.settling;
        let Some(since) = settling.since else {
            return;
        };
        if settling.busy || settling.backoff.until().is_some() {
            return;
        }
        // When nothing else is under way there is no company to wait for.
        let alone = self.running.is_empty();
        let gathered = since.elapsed() >= self.options.gather;
        if !alone && !gathered && settling.waiting.len() < ENOUGH {
            return;
        }
        settling.busy = true;
        let batch = settling.batch();
        let settlements = batch.iter().map(|pending| pending.settlement.clone());
        let settlements: Vec<_> = settlements.collect();
        let store = self.store.clone();
        let answer = async move { Told::Settled(batch, store.settle(settlements).await) };
        self.asked.push(Box::pin(answer));
    }

    pub(super) fn settled(&mut self, batch: Vec<Pending>, settled: Result<Vec<bool>>) {
        self.settling.busy = false;
        let settled = match settled {
            Ok(settled) => settled,
            Err(error) => {
                let what = "what came of webhook deliveries cannot be settled";
                self.settling.backoff.failed(what, &error);
                for pending in batch.into_iter().rev() {
                    self.settling.waiting.push_front(pending);
                }
                self.settling.since.get_or_insert_with(Instant::now);
                return;
            }
        };
        self.settling.backoff.succeeded();
        self.progress();
        let now = self.now();
        for (pending, done) in batch.into_iter().zip(settled) {
            let claim = pending.settlement.claim;
            self.hands.forget(claim);
            if !done {
                tracing::debug!(delivery = %claim.id, "the claim to a webhook delivery was lost: somebody else has it");
                continue;
            }
            if let Fate::Retry { after, .. } = pending.settlement.fate {
                self.leasing.due(now, after);
            }
            if let Some(notice) = pending.notice {
                self.tell(notice);
            }
        }
    }
}
