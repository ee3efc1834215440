//! What must be there when all is over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use polywire_webhook::record::{Delivery, DeliveryState, Fate, Settlement, SubscriptionId};
use polywire_webhook::store::{LeaseAsk, Of, Page, Store};

use crate::Said;

/// How long it may take until every lease of the dead has run out and everything is delivered.
const SOON: Duration = Duration::from_secs(60);

pub(crate) async fn check(store: &dyn Store, subscription: &SubscriptionId, said: &Said) {
    let found = all(store, subscription).await;
    for id in &said.kept {
        assert!(found.contains_key(id), "{id} was kept and is lost");
    }
    for id in &said.done {
        assert_eq!(found[id].state, DeliveryState::Done, "{id} was done");
    }
    let mut sequences: Vec<_> = found.values().map(|delivery| delivery.sequence).collect();
    sequences.sort_unstable();
    let without_gaps: Vec<_> = (1..=found.len() as u64).collect();
    assert_eq!(sequences, without_gaps);
    for (id, delivery) in &found {
        let body = format!("{id} is {}", delivery.sequence);
        assert_eq!(delivery.body.as_deref(), Some(body.as_bytes()));
    }
    finish(store, &found).await;
    let found = all(store, subscription).await;
    assert!(
        found
            .values()
            .all(|delivery| delivery.state == DeliveryState::Done),
        "nothing waits for ever"
    );
    println!(
        "{} kept, {} done before the last one was killed, all in the end",
        said.kept.len(),
        said.done.len()
    );
}

/// Delivers what is left, each key in its order.
async fn finish(store: &dyn Store, found: &BTreeMap<String, Delivery>) {
    let ask = LeaseAsk {
        limit: 1000,
        per_subscription: 1000,
        lease: Duration::from_secs(60),
        of: Of::all(),
    };
    let mut left = found
        .values()
        .filter(|delivery| delivery.state != DeliveryState::Done)
        .count();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    let end = Instant::now() + SOON;
    while left > 0 {
        assert!(Instant::now() < end, "{left} are never given");
        let leased = store.lease(&ask).await.unwrap().deliveries;
        for leased in &leased {
            if let Some(key) = &leased.delivery.key {
                let before = last.insert(key.to_string(), leased.delivery.sequence);
                assert!(
                    before < Some(leased.delivery.sequence),
                    "{key} is out of order"
                );
            }
        }
        let settlements = leased.iter().map(|leased| Settlement {
            claim: leased.claim,
            fate: Fate::Done,
            attempt: None,
        });
        let settled = store.settle(settlements.collect()).await.unwrap();
        left -= settled.iter().filter(|settled| **settled).count();
    }
}

async fn all(store: &dyn Store, subscription: &SubscriptionId) -> BTreeMap<String, Delivery> {
    let mut found = BTreeMap::new();
    let mut page = Page {
        subscription: subscription.clone(),
        state: None,
        after: 0,
        limit: Page::MAX,
    };
    loop {
        let deliveries = store.deliveries(&page).await.unwrap();
        let Some(last) = deliveries.last() else {
            return found;
        };
        page.after = last.sequence;
        found.extend(
            deliveries
                .into_iter()
                .map(|delivery| (delivery.webhook_id.clone(), delivery)),
        );
    }
}
