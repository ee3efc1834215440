//! What is taken, and what becomes of it at a stop.

use std::sync::Arc;
use std::time::Duration;

use polywire_core::contract::{Name, Requirement, Version};

use super::{CONTRACT, EventPublisher, EventQueue, WAITING};
use crate::deliver::{Sender, SenderOptions};
use crate::guard::{GuardedConnector, Policy, SystemResolver};
use crate::provider::events::{TenantEvent, WebhookNotice};
use crate::record::{Float, KeepOrder, KeyRecord, OnSunset, Sealed, State, SubscriptionId, Terms};
use crate::seal::{Keyring, SealingKey};
use crate::server::{Server, ServerOptions};
use crate::signature::Algorithm;
use crate::store::{Page, SqliteOptions, SqliteStore, Store};

const DISABLED: Name = Name::from_static("endpoint_disabled");

fn event(contract: &str, tenant: &str) -> TenantEvent {
    TenantEvent {
        tenant: tenant.to_owned(),
        name: DISABLED,
        notice: WebhookNotice {
            subscription: "sub_1".to_owned(),
            contract: contract.to_owned(),
            reason: "status 500".to_owned(),
            message: None,
            at: "2026-11-23T06:00:00Z".to_owned(),
        },
    }
}

#[test]
fn events_of_subscriptions_to_these_events_are_not_taken() {
    let (queue, waiting) = EventQueue::new(true);
    queue.push(event(CONTRACT.as_str(), "acme"));
    assert_eq!(waiting.len(), 0);
    queue.push(event("orders", "acme"));
    assert_eq!(waiting.len(), 1);
}

#[test]
fn a_queue_takes_so_many_and_none_while_it_is_shut() {
    let (queue, waiting) = EventQueue::new(true);
    for _ in 0..=WAITING {
        queue.push(event("orders", "acme"));
    }
    assert_eq!(waiting.len(), WAITING);
    let (queue, waiting) = EventQueue::new(false);
    queue.push(event("orders", "acme"));
    assert_eq!(waiting.len(), 0);
}

fn terms() -> Terms {
    let version = Version::new(1, 0, 0);
    Terms {
        tenant: "acme".into(),
        state: State::Active,
        requested: Requirement::caret(CONTRACT, &version),
        version,
        float: Float::Minor,
        events: vec![DISABLED],
        group: None,
        sink: "https://hooks.example.com/".into(),
        keys: vec![KeyRecord {
            id: "k1".into(),
            algorithm: Algorithm::Ed25519,
            sealed: Sealed {
                by: "2026".into(),
                bytes: b"never opened".to_vec(),
            },
            public: None,
            created_at: jiff::Timestamp::now(),
            retires_at: None,
        }],
        rate: None,
        allowed: None,
        order: KeepOrder::None,
        on_sunset: OnSunset::Pause,
        upgrade: None,
        proposed: None,
        since: None,
        created_at: jiff::Timestamp::now(),
        lease_until: jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24),
    }
}

// Of one thread: nothing is published before somebody waits.
#[tokio::test]
async fn what_waits_at_a_stop_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteOptions::new(folder.path().join("outbox.db")));
    let store: Arc<dyn Store> = Arc::new(store.await.unwrap());
    let subscription: SubscriptionId = "sub_ops".parse().unwrap();
    store.create(&subscription, terms()).await.unwrap();
    let keyring = Keyring::new([SealingKey::new("2026", &[7; 32]).unwrap()]).unwrap();
    let timeout = Duration::from_secs(5);
    let guard = GuardedConnector::new(Policy::default(), SystemResolver::new(), timeout);
    let sender = Sender::new(guard, SenderOptions::default()).unwrap();
    let server = Server::start(store.clone(), keyring, sender, ServerOptions::default());
    let server = server.await.unwrap();

    let (queue, waiting) = EventQueue::new(true);
    let events = EventPublisher::start(queue.clone(), waiting, &server, true).unwrap();
    for _ in 0..5 {
        queue.push(event("orders", "acme"));
        queue.push(event("orders", "globex"));
    }
    events.finish().await;
    let page = Page {
        subscription,
        state: None,
        after: 0,
        limit: Page::MAX,
    };
    assert_eq!(store.deliveries(&page).await.unwrap().len(), 5);
    // Nothing is taken any more.
    queue.push(event("orders", "acme"));
    events.finish().await;
    assert_eq!(store.deliveries(&page).await.unwrap().len(), 5);
    server.close().await;
    store.close().await;
}
