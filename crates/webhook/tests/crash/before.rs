//! The process that is killed.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use polywire_core::contract::{Name, Requirement, Version};
use polywire_webhook::record::{
    Attempt, Body, Fate, Float, KeepOrder, NewDelivery, OnSunset, Settlement, State,
    SubscriptionId, Terms,
};
use polywire_webhook::store::{Enqueued, LeaseAsk, Of, Store};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::{LIFE, SUBSCRIPTION, open};

/// Enqueues and settles, and says what is certain, until it is killed.
pub(crate) fn work(store: &str) {
    let subscription: SubscriptionId = std::env::var(SUBSCRIPTION).unwrap().parse().unwrap();
    let life = std::env::var(LIFE).unwrap();
    Runtime::new().unwrap().block_on(async {
        let store = open(store).await;
        let count = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..4 {
            tasks.spawn(produce(
                store.clone(),
                subscription.clone(),
                life.clone(),
                count.clone(),
            ));
        }
        for _ in 0..2 {
            tasks.spawn(deliver(store.clone()));
        }
        tasks.join_next().await.unwrap().unwrap();
    });
}

async fn produce(
    store: Arc<dyn Store>,
    subscription: SubscriptionId,
    life: String,
    count: Arc<AtomicUsize>,
) {
    loop {
        let first = count.fetch_add(3, Ordering::Relaxed);
        let ids: Vec<_> = (first..first + 3)
            .map(|number| format!("{life}-{number}"))
            .collect();
        let batch = ids
            .iter()
            .enumerate()
            .map(|(index, id)| delivery(&subscription, id, index));
        let kept = store.enqueue(batch.collect()).await.unwrap();
        assert!(
            kept.iter().all(|kept| matches!(kept, Enqueued::New { .. })),
            "{kept:?}"
        );
        for id in ids {
            say(&format!("kept {id}\n"));
        }
    }
}

async fn deliver(store: Arc<dyn Store>) {
    let ask = LeaseAsk {
        limit: 4,
        per_subscription: 4,
        lease: Duration::from_secs(1),
        of: Of::all(),
    };
    loop {
        let leased = store.lease(&ask).await.unwrap().deliveries;
        let settlements = leased.iter().map(|leased| Settlement {
            claim: leased.claim,
            fate: Fate::Done,
            attempt: Some(Attempt {
                at: Timestamp::now(),
                took: Duration::ZERO,
                outcome: "status 204".into(),
            }),
        });
        let settled = store.settle(settlements.collect()).await.unwrap();
        for (leased, settled) in leased.into_iter().zip(settled) {
            if settled {
                say(&format!("done {}\n", leased.delivery.webhook_id));
            }
        }
    }
}

/// In one piece, so that lines of several tasks do not mix.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).unwrap();
    out.flush().unwrap();
}

fn delivery(subscription: &SubscriptionId, id: &str, index: usize) -> NewDelivery {
    NewDelivery {
        subscription: subscription.clone(),
        webhook_id: id.into(),
        message_id: id.into(),
        interaction: Name::from_static("shipped"),
        version: Version::new(1, 0, 0),
        // Of three, one waits for nobody and two for those before them.
        key: (index > 0).then(|| format!("key-{index}").into()),
        headers: Vec::new(),
        body: Body::Numbered {
            before: format!("{id} is ").into(),
            after: Bytes::new(),
        },
        delay: Duration::ZERO,
    }
}

pub(crate) fn terms() -> Terms {
    let version = Version::new(1, 0, 0);
    Terms {
        tenant: "acme".into(),
        state: State::Active,
        requested: Requirement::caret(Name::from_static("orders"), &version),
        version,
        float: Float::Minor,
        events: vec![Name::from_static("shipped")],
        group: None,
        sink: "https://hooks.example.com/".into(),
        keys: Vec::new(),
        rate: None,
        allowed: None,
        order: KeepOrder::ByKey,
        on_sunset: OnSunset::Pause,
        upgrade: None,
        proposed: None,
        since: None,
        created_at: Timestamp::now(),
        lease_until: Timestamp::now(),
    }
}
