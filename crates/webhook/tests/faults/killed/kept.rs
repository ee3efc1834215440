//! The stores of both ends, as whoever killed their processes finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use polywire_webhook::record::{Delivery, DeliveryState};
use polywire_webhook::store::{
    LeaseAsk, Of, Page, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store,
    Subscriptions,
};
use polywire_webhook::{Clock, ManualClock, SystemClock};
use tempfile::TempDir;

use super::gate::Post;
use crate::database::Database;

/// Longer than any lease of the transport.
const LEASES: Duration = Duration::from_secs(120);
/// How many deliveries of a state are looked at after a kill.
const LOOK: usize = Page::MAX;

/// Where one end keeps what it has.
pub(super) enum Place {
    Sqlite(TempDir),
    Postgres(Database),
}

/// Which of the two stores of an end.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Outbox,
    Inbox,
}

impl Place {
    pub(super) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(super) async fn postgres() -> Self {
        Self::Postgres(Database::make().await)
    }

    /// As a process is told of it.
    pub(super) fn setting(&self) -> &str {
        match self {
            Self::Sqlite(directory) => directory.path().to_str().unwrap(),
            Self::Postgres(database) => &database.url,
        }
    }

    pub(super) async fn open(&self, purpose: Purpose, clock: impl Clock + Clone) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(directory) => {
                let file = match purpose {
                    Purpose::Outbox => "outbox.db",
                    Purpose::Inbox => "inbox.db",
                };
                let options = SqliteOptions::new(directory.path().join(file)).clock(clock);
                Arc::new(SqliteStore::open(options).await.unwrap())
            }
            Self::Postgres(database) => {
                let schema = match purpose {
                    Purpose::Outbox => "polywire_webhook",
                    Purpose::Inbox => "polywire_webhook_inbox",
                };
                let options = PostgresOptions::new(&database.url).schema(schema);
                let options = options.connections(2).clock(clock);
                Arc::new(PostgresStore::open(options).await.unwrap())
            }
        }
    }

    /// Lets so much time pass for the dead that their leases have run out. Nobody may be alive who has one.
    pub(super) async fn lapse(&self, purpose: Purpose) {
        let clock = ManualClock::at(SystemClock.now() + LEASES);
        let store = self.open(purpose, clock).await;
        let ask = LeaseAsk {
            limit: 1,
            per_subscription: 1,
            lease: Duration::from_secs(1),
            of: Of::Only(Vec::new()),
        };
        assert!(store.lease(&ask).await.unwrap().deliveries.is_empty());
        store.close().await;
    }

    /// Everything in some states, or the first of each state.
    pub(super) async fn all(
        &self,
        purpose: Purpose,
        states: &[Option<DeliveryState>],
        only_first: bool,
    ) -> Vec<Delivery> {
        let store = self.open(purpose, SystemClock).await;
        let mut all = Vec::new();
        for subscription in store
            .subscriptions(&Subscriptions::default())
            .await
            .unwrap()
        {
            for state in states {
                let mut page = Page {
                    subscription: subscription.id.clone(),
                    state: *state,
                    after: 0,
                    limit: LOOK,
                };
                loop {
                    let found = store.deliveries(&page).await.unwrap();
                    let Some(last) = found.last() else { break };
                    page.after = last.sequence;
                    all.extend(found);
                    if only_first {
                        break;
                    }
                }
            }
        }
        store.close().await;
        all
    }
}

/// How far a delivery was when a process was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Kept by the provider, in no worker's hands.
    Enqueued,
    /// In a worker's hands, and not sent.
    Leased,
    /// Sent, and not taken by the consumer.
    Sent,
    /// Taken by the consumer, and not settled by the worker.
    Taken,
    /// Kept by the consumer, in no member's hands.
    Appended,
    /// In a member's hands, and not handled.
    Handed,
    /// Handled, and not settled by the member.
    Handled,
}

impl Step {
    pub(super) const ALL: [Self; 7] = [
        Self::Enqueued,
        Self::Leased,
        Self::Sent,
        Self::Taken,
        Self::Appended,
        Self::Handed,
        Self::Handled,
    ];
}

const UNFINISHED: [Option<DeliveryState>; 2] =
    [Some(DeliveryState::Ready), Some(DeliveryState::Leased)];

/// How far deliveries were when all workers were killed.
pub(super) async fn after_workers(place: &Place, posts: &BTreeMap<String, Post>) -> BTreeSet<Step> {
    let found = place.all(Purpose::Outbox, &UNFINISHED, true).await;
    let step = |delivery: &Delivery| match (delivery.state, posts.get(&delivery.webhook_id)) {
        (DeliveryState::Ready, _) => Step::Enqueued,
        (_, None) => Step::Leased,
        (_, Some(post)) if post.taken == 0 => Step::Sent,
        (_, Some(_)) => Step::Taken,
    };
    found.iter().map(step).collect()
}

/// How far deliveries were when the consumer was killed, which has handled some.
pub(super) async fn after_consumer(place: &Place, handled: &BTreeSet<String>) -> BTreeSet<Step> {
    let found = place.all(Purpose::Inbox, &UNFINISHED, true).await;
    let step = |delivery: &Delivery| match delivery.state {
        DeliveryState::Ready => Step::Appended,
        _ if handled.contains(&delivery.message_id) => Step::Handled,
        _ => Step::Handed,
    };
    found.iter().map(step).collect()
}
