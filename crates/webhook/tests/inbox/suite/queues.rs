//! Queues: opened by whoever comes first, and removed with what they keep.

use polywire_core::ErrorKind;
use polywire_core::contract::{Name, Requirement, Version};
use polywire_webhook::inbox::QueueName;

use crate::world::{World, bounds, event, fill, next, open, options, put, start, take, terms};

pub(crate) async fn are_opened_by_several_at_once(world: &World) {
    let mut inboxes = Vec::new();
    for _ in 0..4 {
        inboxes.push(start(world.store().await, bounds(), options()));
    }
    let opened = inboxes.iter().map(|inbox| open(inbox, "billing"));
    let queues = futures_util::future::join_all(opened).await;
    put(&inboxes[0], &queues[0], event("a")).await;
    let mut member = inboxes[3].join(&queues[3], 1).unwrap();
    assert_eq!(take(&mut member, 1).await, ["a"]);
    assert_eq!(queues[3].name().as_str(), "orders/shipped/billing");
    assert_eq!(queues[3].group().as_str(), "billing");
}

pub(crate) async fn take_new_terms_but_no_other_contract(world: &World) {
    let (inbox, queue) = world.billing().await;
    fill(&inbox, &queue, &["a"]).await;
    let mut newer = terms("billing");
    newer.version = Version::new(1, 5, 0);
    newer.interactions.push(Name::from_static("paid"));
    let again = inbox.open(queue.name(), newer.clone()).await.unwrap();
    let mut member = inbox.join(&again, 1).unwrap();
    assert_eq!(take(&mut member, 1).await, ["a"], "what was kept stays");

    let mut other = newer;
    let stock = Name::from_static("stock");
    other.requested = Requirement::caret(stock, &other.version);
    let error = inbox.open(queue.name(), other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert_eq!(
        error.to_string(),
        "queue orders/shipped/billing of contract \"stock\" is kept as \"inbox:orders/shipped/billing\" of contract \
         \"orders\": take another name"
    );
    let error = "a\nb".parse::<QueueName>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "queue name of 3 bytes: expected 1 to 1024 bytes without control characters"
    );
}

pub(crate) async fn go_with_all_they_keep(world: &World) {
    let (inbox, queue) = world.billing().await;
    let other = open(&inbox, "shipping").await;
    fill(&inbox, &queue, &["a", "b"]).await;
    fill(&inbox, &other, &["c"]).await;
    let mut member = inbox.join(&queue, 1).unwrap();
    let held = next(&mut member).await;
    inbox.remove(&queue).await.unwrap();
    assert!(
        member.next().await.is_none(),
        "its members are at their end"
    );
    let error = held.ack().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = inbox.put(&queue, event("d")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unroutable);
    assert_eq!(
        error.to_string(),
        "queue orders/shipped/billing is not there: open it first"
    );
    let error = inbox.join(&queue, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unroutable);

    let mut other = inbox.join(&other, 1).unwrap();
    assert_eq!(take(&mut other, 1).await, ["c"], "another one stays");
    let queue = open(&inbox, "billing").await;
    put(&inbox, &queue, event("a")).await;
    let mut member = inbox.join(&queue, 1).unwrap();
    assert_eq!(take(&mut member, 1).await, ["a"], "as if it never was");
}
