//! Where subscriptions and deliveries are kept: one small trait, [`SqliteStore`] for one machine, [`PostgresStore`] for many.
//!
//! What a store answers with `Ok` is durable. Everything that changes many deliveries takes a batch and is one
//! transaction: batches are what makes a durable queue fast.

mod ask;
mod check;
mod failure;
mod plan;
mod postgres;
mod sqlite;
mod wakes;

pub use ask::{
    Backlog, Created, Enqueued, LeaseAsk, LeasedBatch, Of, Once, Page, Replay, Replayed,
    Subscriptions, Sweep, Swept, Updated, Which,
};
pub use postgres::{PostgresOptions, PostgresStore};
pub use sqlite::{Durability, SqliteOptions, SqliteStore};
pub use wakes::Wakes;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use polywire_core::Result;

use crate::record::{
    Attempt, Claim, Delivery, DeliveryId, NewDelivery, Settlement, Subscription, SubscriptionId,
    Terms,
};
use crate::schedule::Standing;

/// Keeps subscriptions and deliveries.
///
/// # Errors
/// Every method fails with `Unavailable` when the store cannot be reached or is busy for too long, `Closed` after
/// [`close`](Self::close), `Integrity` when what it holds cannot be read, and `TooLarge` when a bound of this trait is exceeded.
///
/// # Cancel safety
/// Dropping a future does not undo what it asked for: it may still be carried out. Asking again is safe, because
/// deliveries are recognised by their `webhook-id`, changes by the revision and settlements by their claim.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Keeps a new subscription at revision 1.
    ///
    /// # Errors
    /// `Integrity` when there is one with this id; `InvalidPayload` when the terms are out of their bounds.
    async fn create(&self, id: &SubscriptionId, terms: Terms) -> Result<Subscription>;

    /// As [`create`](Self::create), once for each key of a tenant: the answer is kept with it, and a second one with the key
    /// creates nothing and gets the first answer.
    ///
    /// # Behavior
    /// Of several at once one creates. Answers that have run out by [`Once::at`] are forgotten, a bounded number each time.
    ///
    /// # Errors
    /// As [`create`](Self::create), and `TooLarge` for a key that is empty or longer than [`Once::MAX_KEY`].
    async fn create_once(&self, once: &Once, id: &SubscriptionId, terms: Terms) -> Result<Created>;

    /// As [`create_once`](Self::create_once) where there is a key, else as [`create`](Self::create), unless the tenant has `most`
    /// subscriptions already: of several at once no more are made than there is room for.
    ///
    /// # Errors
    /// As [`create_once`](Self::create_once).
    async fn create_within(
        &self,
        most: usize,
        once: Option<&Once>,
        id: &SubscriptionId,
        terms: Terms,
    ) -> Result<Created>;

    /// What was answered to a key of a tenant, if that has not run out by `now`.
    async fn once(&self, tenant: &str, key: &str, now: Timestamp) -> Result<Option<Once>>;

    /// How many subscriptions a tenant has, in whichever state.
    async fn count(&self, tenant: &str) -> Result<usize>;

    /// A number that changes when any terms change, or a subscription comes or goes: whoever remembers subscriptions asks for
    /// it instead of reading all of them again.
    async fn generation(&self) -> Result<u64>;

    /// The last sequence number that a subscription has given, 0 before the first; `None` when there is none of this id.
    async fn last_sequence(&self, id: &SubscriptionId) -> Result<Option<u64>>;

    /// Replaces the terms of a subscription if it still is at `revision`, which is then one more.
    ///
    /// # Errors
    /// `InvalidPayload` when the terms are out of their bounds.
    async fn update(&self, id: &SubscriptionId, revision: u64, terms: Terms) -> Result<Updated>;

    /// Writes down how its endpoint stands; `false` when there is no such subscription.
    ///
    /// # Behavior
    /// While the standing says that it is stopped or held, [`lease`](Self::lease) gives none of its deliveries to anybody.
    async fn stand(&self, id: &SubscriptionId, standing: &Standing) -> Result<bool>;

    /// A subscription.
    async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>>;

    /// Subscriptions in the order of their ids.
    async fn subscriptions(&self, ask: &Subscriptions) -> Result<Vec<Subscription>>;

    /// Removes a subscription with everything that is kept for it; `false` when there is none.
    async fn remove(&self, id: &SubscriptionId) -> Result<bool>;

    /// Keeps deliveries, and resolves when they are durable: all of them or none.
    ///
    /// # Behavior
    /// Each gets the next sequence number of its subscription, in their order. One whose `webhook-id` the subscription has
    /// already is not kept twice, for as long as the first one is not [swept](Self::sweep). The answers are in the order
    /// of the deliveries.
    ///
    /// # Errors
    /// `TooLarge` when there are more than [`MAX_BATCH`], or one is out of the bounds of [`NewDelivery`].
    async fn enqueue(&self, new: Vec<NewDelivery>) -> Result<Vec<Enqueued>>;

    /// Keeps a delivery as one that is [parked](crate::record::DeliveryState::Parked), with the reason, and resolves when it is durable.
    ///
    /// # Behavior
    /// As [`enqueue`](Self::enqueue), but nobody can lease it until it is [replayed](Self::replay).
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue).
    async fn park(&self, new: NewDelivery, reason: &str) -> Result<Enqueued>;

    /// How much of a subscription is kept, nothing of one that is not there.
    async fn backlog(&self, id: &SubscriptionId) -> Result<Backlog>;

    /// Gives deliveries that are due to a worker, for some time.
    ///
    /// # Behavior
    /// Only those of subscriptions that were [asked for](LeaseAsk::of), that deliver and whose endpoints are neither stopped nor held; of each at most
    /// [`LeaseAsk::per_subscription`], the longest due first, and every subscription in its turn, so that no endpoint's
    /// backlog is in another one's way. Leases that have run out are given again, under another fence. Each counts as an attempt.
    async fn lease(&self, ask: &LeaseAsk) -> Result<LeasedBatch>;

    /// Prolongs leases from now on. `false` for each that is lost: stop, because somebody else may have it.
    async fn extend(&self, claims: &[Claim], lease: Duration) -> Result<Vec<bool>>;

    /// Carries out what became of leased deliveries. `false` for each whose claim is void: somebody else has it, and
    /// nothing was changed.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<bool>>;

    /// A delivery.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>>;

    /// Deliveries of a subscription by their sequence: dead letters to look at, or the stream after a cursor.
    async fn deliveries(&self, page: &Page) -> Result<Vec<Delivery>>;

    /// The attempts of a delivery, oldest first, at most [`MAX_BATCH`].
    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>>;

    /// Queues finished deliveries again, with their `webhook-id` and body and a fresh count of attempts.
    ///
    /// # Behavior
    /// At most [`Replay::limit`] in one go; the answer says where to go on. One whose body was swept is passed over.
    async fn replay(&self, replay: &Replay) -> Result<Replayed>;

    /// Deliveries of a subscription that its consumer has fetched by itself: those that are not done are, whatever they wait
    /// for; a worker that has one loses its claim. `false` for each that is not there or done already.
    ///
    /// # Errors
    /// `TooLarge` when there are more than [`MAX_BATCH`].
    async fn acknowledge(&self, id: &SubscriptionId, sequences: &[u64]) -> Result<Vec<bool>>;

    /// Removes one finished delivery for good; `false` when it is not there or not finished.
    ///
    /// # Behavior
    /// Its body and attempts go with it, and a duplicate of it is not recognised from then on. Its sequence number is not
    /// given again.
    async fn discard(&self, id: DeliveryId) -> Result<bool>;

    /// Removes what was finished long ago: first bodies, then everything. A bounded number at once; ask again while it
    /// says that there is more.
    async fn sweep(&self, sweep: &Sweep) -> Result<Swept>;

    /// Tells when there may be something to lease, so that nobody has to ask all the time.
    fn wakes(&self) -> Wakes;

    /// Finishes what was asked for and lets go of the store. Idempotent.
    async fn close(&self);
}

/// The most deliveries, claims or settlements in one batch, and the most records in one answer.
pub const MAX_BATCH: usize = 1000;
/// The longest body of a delivery, in bytes.
pub const MAX_BODY: usize = 16 * 1024 * 1024;
