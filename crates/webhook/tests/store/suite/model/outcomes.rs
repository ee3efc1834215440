//! What comes of leases.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use polywire_webhook::record::{Claim, DeliveryState, Fate, Settlement};
use polywire_webhook::store::{Replay, Which};
use rand::RngExt;

use super::Model;

impl Model<'_> {
    fn any_claims(&mut self) -> Vec<Claim> {
        let mut claims = BTreeMap::new();
        if !self.given.is_empty() {
            for _ in 0..self.random.random_range(1..4) {
                let claim = self.given[self.random.random_range(0..self.given.len())];
                claims.insert(claim.id, claim);
            }
        }
        // The late ones more seldom than the valid ones.
        if self.random.random_bool(0.7) {
            claims.extend(self.valid.iter().take(3));
        }
        claims.into_values().collect()
    }

    pub(super) async fn settle(&mut self, at: &str) {
        let claims = self.any_claims();
        let fates: Vec<_> = claims
            .iter()
            .map(|_| match self.random.random_range(0..5) {
                0 | 1 => Fate::Done,
                2 => Fate::Retry {
                    after: Duration::from_secs(self.random.random_range(0..30)),
                    reason: "x".into(),
                },
                3 => Fate::Dead { reason: "x".into() },
                _ => Fate::Release {
                    after: Duration::ZERO,
                },
            })
            .collect();
        let settlements = claims.iter().zip(&fates).map(|(claim, fate)| Settlement {
            claim: *claim,
            fate: fate.clone(),
            attempt: None,
        });
        let settled = self
            .world
            .store
            .settle(settlements.collect())
            .await
            .unwrap();
        for ((claim, fate), settled) in claims.into_iter().zip(fates).zip(settled) {
            assert_eq!(
                settled,
                self.valid.get(&claim.id) == Some(&claim),
                "{at}: {fate:?}"
            );
            if !settled {
                continue;
            }
            self.valid.remove(&claim.id);
            let now = self.now();
            let kept = self.kept.get_mut(&claim.id).unwrap();
            kept.due = now;
            match fate {
                Fate::Done => kept.state = DeliveryState::Done,
                Fate::Dead { .. } => kept.state = DeliveryState::Dead,
                Fate::Release { .. } => {
                    kept.state = DeliveryState::Ready;
                    kept.attempts -= 1;
                }
                Fate::Retry { after, .. } => {
                    kept.state = DeliveryState::Ready;
                    kept.due = now + SignedDuration::try_from(after).unwrap();
                }
                Fate::Park { .. } => unreachable!("no such fate here"),
            }
            let (subscription, key) = (kept.subscription, kept.key);
            if kept.state.is_finished() {
                self.promote(subscription, key);
            }
        }
    }

    pub(super) async fn replay(&mut self, at: &str) {
        let subscription = self.random.random_range(0..3);
        let (from, to) = (
            self.random.random_range(0..10),
            self.random.random_range(0..30),
        );
        let which = Which::Range {
            subscription: self.subscriptions[subscription].clone(),
            from,
            to,
        };
        let replayed = self.world.store.replay(&Replay::new(which)).await.unwrap();
        let now = self.now();
        let mut keys = BTreeSet::new();
        let mut count = 0;
        for kept in self.kept.values_mut() {
            let within = kept.subscription == subscription && (from..=to).contains(&kept.sequence);
            if within && kept.state == DeliveryState::Dead {
                count += 1;
                (kept.due, kept.attempts) = (now, 0);
                kept.state = if kept.key.is_some() {
                    DeliveryState::Waiting
                } else {
                    DeliveryState::Ready
                };
                keys.insert(kept.key);
            }
        }
        assert_eq!(replayed.count, count, "{at}");
        for key in keys {
            self.promote(subscription, key);
        }
    }

    pub(super) async fn extend(&mut self, at: &str) {
        let claims = self.any_claims();
        let extended = self
            .world
            .store
            .extend(&claims, Duration::from_secs(30))
            .await
            .unwrap();
        let until = self.later(30);
        for (claim, extended) in claims.into_iter().zip(extended) {
            assert_eq!(extended, self.valid.get(&claim.id) == Some(&claim), "{at}");
            if extended {
                self.kept.get_mut(&claim.id).unwrap().lease_until = until;
            }
        }
    }
}
