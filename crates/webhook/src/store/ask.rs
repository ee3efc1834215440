//! What is asked of a store, and what it answers.

use std::time::Duration;

use jiff::Timestamp;
use polywire_core::contract::Name;

use super::MAX_BATCH;
use crate::record::{DeliveryId, DeliveryState, Leased, Sealed, Subscription, SubscriptionId};

/// Which subscriptions to list.
#[derive(Clone, Debug)]
pub struct Subscriptions {
    /// Of this tenant alone.
    pub tenant: Option<String>,
    /// Of this contract alone.
    pub contract: Option<Name>,
    /// After this one.
    pub after: Option<SubscriptionId>,
    /// How many, from 1 to [`MAX_BATCH`].
    pub limit: usize,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            tenant: None,
            contract: None,
            after: None,
            limit: MAX_BATCH,
        }
    }
}

/// What was answered to a request that is carried out once (`Idempotency-Key`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Whose key it is.
    pub tenant: String,
    /// The key, 1 to [`Once::MAX_KEY`] bytes.
    pub key: String,
    /// The subscription that it created.
    pub subscription: SubscriptionId,
    /// Tells whether another request has the same content: SHA-256 of it.
    pub digest: [u8; 32],
    /// The answer, encrypted, as it holds secrets.
    pub answer: Sealed,
    /// When it was given.
    pub at: Timestamp,
    /// Until when it is kept.
    pub until: Timestamp,
}

impl Once {
    /// The longest key, in bytes.
    pub const MAX_KEY: usize = 256;
}

/// What became of a subscription that is created once.
#[derive(Clone, Debug, PartialEq)]
pub enum Created {
    /// It was made.
    New(Box<Subscription>),
    /// The key was used before, and this was answered.
    Before(Box<Once>),
    /// The tenant has as many as it may; nothing was made.
    Full,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Updated {
    /// It was made.
    Done(Box<Subscription>),
    /// Somebody else was first; this is what it is now.
    Stale(Box<Subscription>),
    /// There is no such subscription.
    Absent,
}

/// What became of a new delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// It is kept.
    New {
        /// Its number.
        id: DeliveryId,
        /// Its place.
        sequence: u64,
    },
    /// It was kept before.
    Duplicate {
        /// The number of the first.
        id: DeliveryId,
        /// Its place.
        sequence: u64,
    },
    /// Another content was kept under this `webhook-id` before: a forgery, or a mistake of the sender.
    Conflict {
        /// The number of the first.
        id: DeliveryId,
    },
    /// There is no such subscription.
    NoSubscription,
}

/// How much of a subscription is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries that are not finished.
    pub deliveries: usize,
    /// Their bodies, in bytes.
    pub bytes: usize,
    /// Dead and parked deliveries.
    pub letters: usize,
}

/// What a worker wants to have.
#[derive(Clone, Debug)]
pub struct LeaseAsk {
    /// How many, from 1 to [`MAX_BATCH`].
    pub limit: usize,
    /// How many of one subscription, from 1.
    pub per_subscription: usize,
    /// For how long, from a second to an hour.
    pub lease: Duration,
    /// Of which subscriptions.
    pub of: Of,
}

/// Some subscriptions, at most [`Of::MAX`] of them named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// All but these: their endpoints take no more now.
    AllBut(Vec<SubscriptionId>),
    /// These alone.
    Only(Vec<SubscriptionId>),
}

impl Of {
    /// The most subscriptions that are named.
    pub const MAX: usize = 10_000;

    /// Whichever there are.
    #[must_use]
    pub fn all() -> Self {
        Self::AllBut(Vec::new())
    }

    /// Those that are named.
    #[must_use]
    pub fn named(&self) -> &[SubscriptionId] {
        match self {
            Self::AllBut(named) | Self::Only(named) => named,
        }
    }
}

/// What a worker gets.
#[derive(Clone, Debug, Default)]
pub struct LeasedBatch {
    /// The deliveries.
    pub deliveries: Vec<Leased>,
    /// Whether there may be more to have at once.
    pub more: bool,
}

/// Which deliveries of a subscription to list.
#[derive(Clone, Debug)]
pub struct Page {
    /// Whose.
    pub subscription: SubscriptionId,
    /// In this state alone.
    pub state: Option<DeliveryState>,
    /// After this sequence number; 0 from the beginning.
    pub after: u64,
    /// How many, from 1 to [`Page::MAX`].
    pub limit: usize,
}

impl Page {
    /// The most deliveries of one page: each has its body.
    pub const MAX: usize = 100;
}

/// Which deliveries to queue again.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Which.
    pub which: Which,
    /// Only those in one of these states; [`DeliveryState::Done`] delivers again what the sink has accepted.
    pub states: Vec<DeliveryState>,
    /// Only those enqueued before this.
    pub before: Option<Timestamp>,
    /// Counts what would be queued, and changes nothing.
    pub dry: bool,
    /// Only those after this one, which an earlier answer named.
    pub after: Option<DeliveryId>,
    /// How many at most, from 1 to [`MAX_BATCH`].
    pub limit: usize,
}

/// Some deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// One.
    One(DeliveryId),
    /// A range of sequence numbers, both ends included.
    Range {
        /// Whose.
        subscription: SubscriptionId,
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// Whatever was enqueued at a time or later.
    Since {
        /// Whose.
        subscription: SubscriptionId,
        /// The time.
        at: Timestamp,
    },
}

impl Replay {
    /// Dead and parked ones, [`MAX_BATCH`] in one go.
    #[must_use]
    pub fn new(which: Which) -> Self {
        Self {
            which,
            states: vec![DeliveryState::Dead, DeliveryState::Parked],
            before: None,
            dry: false,
            after: None,
            limit: MAX_BATCH,
        }
    }
}

/// What was queued again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// How many.
    pub count: usize,
    /// Where to go on, if the limit was reached.
    pub next: Option<DeliveryId>,
}

/// What is old enough to go, by when it was finished.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// Bodies of accepted deliveries finished before this; after that they cannot be replayed or fetched.
    pub bodies: Timestamp,
    /// Accepted deliveries finished before this; after that a duplicate is not recognised.
    pub done: Timestamp,
    /// Dead and parked deliveries finished before this.
    pub letters: Timestamp,
}

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many bodies.
    pub bodies: usize,
    /// How many deliveries.
    pub deliveries: usize,
    /// Whether there is more to sweep.
    pub more: bool,
}
