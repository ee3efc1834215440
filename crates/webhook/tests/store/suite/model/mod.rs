//! Whatever is asked in whatever order, a store does what a list in memory would.

mod outcomes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use polywire_webhook::Clock;
use polywire_webhook::record::{Claim, DeliveryId, DeliveryState, NewDelivery, SubscriptionId};
use polywire_webhook::store::{Enqueued, LeaseAsk, Of, Page};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::world::{World, new};

/// Which random sequences are tried; the seed is in every message.
const SEEDS: u64 = 12;
/// How long each is.
const STEPS: usize = 60;

struct Kept {
    subscription: usize,
    key: Option<u8>,
    sequence: u64,
    state: DeliveryState,
    due: Timestamp,
    lease_until: Timestamp,
    attempts: u32,
}

struct Model<'a> {
    world: &'a World,
    subscriptions: Vec<SubscriptionId>,
    kept: BTreeMap<DeliveryId, Kept>,
    /// The valid claim of each leased delivery.
    valid: BTreeMap<DeliveryId, Claim>,
    /// All claims ever given.
    given: Vec<Claim>,
    random: StdRng,
}

pub(crate) async fn behaves_as_its_model(world: &World) {
    for seed in 0..SEEDS {
        let mut subscriptions = Vec::new();
        for _ in 0..3 {
            subscriptions.push(world.subscribe().await);
        }
        let mut model = Model {
            world,
            subscriptions,
            kept: BTreeMap::new(),
            valid: BTreeMap::new(),
            given: Vec::new(),
            random: StdRng::seed_from_u64(seed),
        };
        for step in 0..STEPS {
            let at = format!("seed {seed}, step {step}");
            match model.random.random_range(0..10) {
                0..3 => model.enqueue(&at).await,
                3..5 => model.lease(&at).await,
                5..7 => model.settle(&at).await,
                7 => model.replay(&at).await,
                8 => model.extend(&at).await,
                _ => world
                    .clock
                    .advance(Duration::from_secs(model.random.random_range(0..40))),
            }
            model.check(&at).await;
        }
        for id in &model.subscriptions {
            assert!(world.store.remove(id).await.unwrap());
        }
    }
}

impl Model<'_> {
    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    fn later(&self, seconds: u64) -> Timestamp {
        self.now() + SignedDuration::from_secs(i64::try_from(seconds).unwrap())
    }

    /// Whether one of this key is on its way.
    fn has_head(&self, subscription: usize, key: u8) -> bool {
        self.kept.values().any(|kept| {
            (kept.subscription, kept.key) == (subscription, Some(key))
                && matches!(kept.state, DeliveryState::Ready | DeliveryState::Leased)
        })
    }

    fn promote(&mut self, subscription: usize, key: Option<u8>) {
        let Some(key) = key else { return };
        if self.has_head(subscription, key) {
            return;
        }
        let waiting = self.kept.values_mut().filter(|kept| {
            (kept.subscription, kept.key, kept.state)
                == (subscription, Some(key), DeliveryState::Waiting)
        });
        if let Some(next) = waiting.min_by_key(|kept| kept.sequence) {
            next.state = DeliveryState::Ready;
        }
    }

    async fn enqueue(&mut self, at: &str) {
        let count = self.random.random_range(1..6);
        let asked: Vec<_> = (0..count)
            .map(|_| {
                let subscription = self.random.random_range(0..3);
                let key = self
                    .random
                    .random_bool(0.6)
                    .then(|| self.random.random_range(0..2_u8));
                let delay = if self.random.random_bool(0.3) {
                    self.random.random_range(0..60)
                } else {
                    0
                };
                (subscription, key, delay)
            })
            .collect();
        let batch = asked
            .iter()
            .enumerate()
            .map(|(index, (subscription, key, delay))| NewDelivery {
                key: key.map(|key| format!("key-{key}").into()),
                delay: Duration::from_secs(*delay),
                ..new(
                    &self.subscriptions[*subscription],
                    &format!("{at}, {index}").replace([' ', ','], "-"),
                )
            });
        let answers = self.world.enqueue(batch.collect()).await;
        for ((subscription, key, delay), answer) in asked.into_iter().zip(answers) {
            let Enqueued::New { id, sequence } = answer else {
                panic!("{at}: {answer:?}")
            };
            let kept = Kept {
                subscription,
                key,
                sequence,
                state: DeliveryState::Waiting,
                due: self.later(delay),
                lease_until: self.now(),
                attempts: 0,
            };
            let others = self
                .kept
                .values()
                .filter(|kept| kept.subscription == subscription);
            assert_eq!(sequence, others.count() as u64 + 1, "{at}");
            self.kept.insert(id, kept);
            match key {
                Some(_) => self.promote(subscription, key),
                None => self.kept.get_mut(&id).unwrap().state = DeliveryState::Ready,
            }
        }
    }

    async fn lease(&mut self, at: &str) {
        let now = self.now();
        let ask = LeaseAsk {
            limit: self.random.random_range(1..8),
            per_subscription: self.random.random_range(1..5),
            lease: Duration::from_secs(self.random.random_range(1..60)),
            of: Of::all(),
        };
        for (id, kept) in &mut self.kept {
            if kept.state == DeliveryState::Leased && kept.lease_until <= now {
                kept.state = DeliveryState::Ready;
                kept.due = kept.due.min(now);
                self.valid.remove(id);
            }
        }
        let mut open = BTreeMap::new();
        for (id, kept) in &self.kept {
            if kept.state == DeliveryState::Ready && kept.due <= now {
                open.entry(kept.subscription)
                    .or_insert_with(BTreeSet::new)
                    .insert((kept.due, *id));
            }
        }
        let leased = self.world.store.lease(&ask).await.unwrap().deliveries;
        let most: usize = open
            .values()
            .map(|open| open.len().min(ask.per_subscription))
            .sum();
        assert_eq!(leased.len(), most.min(ask.limit), "{at}");
        for leased in leased {
            let id = leased.claim.id;
            let kept = self.kept.get_mut(&id).unwrap();
            let first = open
                .get_mut(&kept.subscription)
                .and_then(BTreeSet::pop_first);
            assert_eq!(first, Some((kept.due, id)), "{at}: the longest due first");
            kept.state = DeliveryState::Leased;
            kept.attempts += 1;
            kept.lease_until = leased.until;
            self.valid.insert(id, leased.claim);
            assert!(
                !self.given.contains(&leased.claim),
                "{at}: a fence is given once"
            );
            self.given.push(leased.claim);
        }
    }

    async fn check(&self, at: &str) {
        let mut count = 0;
        for subscription in &self.subscriptions {
            let page = Page {
                subscription: subscription.clone(),
                state: None,
                after: 0,
                limit: Page::MAX,
            };
            for found in self.world.store.deliveries(&page).await.unwrap() {
                let kept = &self.kept[&found.id];
                let expected = (kept.sequence, kept.state, kept.attempts, kept.due);
                let found = (found.sequence, found.state, found.attempts, found.due);
                assert_eq!(found, expected, "{at}");
                count += 1;
            }
        }
        assert_eq!(count, self.kept.len(), "{at}");
    }
}
