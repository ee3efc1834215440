//! What members of a group share, and what groups do not do to each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use polywire_core::{CallOptions, codec};

use super::{all_of, nothing, number, publish};
use crate::case::cases;
use crate::failure::{Checked, Failure, check, check_eq};
use crate::sample::{Edition, Happened1, Happening};
use crate::stage::Stage;

cases! { "delivery":
    no_more_than_the_prefetch_is_unsettled needs [Events];
    order_is_kept_by_key needs [Events, Order];
    a_slow_group_does_not_hold_up_another needs [Events];
    a_group_that_was_away_gets_what_it_missed needs [Events, Resume];
    a_member_that_leaves_returns_what_it_holds needs [Events];
}

/// A member is handed no more than its prefetch until it settles something.
async fn no_more_than_the_prefetch_is_unsettled(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut deliveries = stage.subscribe("^1.4", Some("billing"), 2).await?;
    publish(&served.publisher(Edition::V1_4)?, 0..4).await?;
    let mut seen = BTreeSet::new();
    let first = stage.next(&mut deliveries).await?;
    let second = stage.next(&mut deliveries).await?;
    seen.extend([number(&first)?, number(&second)?]);
    nothing(&mut deliveries, "two are unsettled and the prefetch is 2").await?;
    first.ack().await?;
    let third = stage.next(&mut deliveries).await?;
    seen.insert(number(&third)?);
    second.ack().await?;
    third.ack().await?;
    let fourth = stage.next(&mut deliveries).await?;
    seen.insert(number(&fourth)?);
    fourth.ack().await?;
    check_eq!(seen, (0..4).collect(), "the events, each once");
    Ok(())
}

/// Events of one key reach a group of several members in the order they were published.
async fn order_is_kept_by_key(stage: Arc<Stage>) -> Checked {
    const KEYS: u64 = 8;
    const EACH: u64 = 50;
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut members = Vec::new();
    for _ in 0..3 {
        members.push(stage.subscribe("^1.4", Some("billing"), 16).await?);
    }
    let (seen, mut watched) = tokio::sync::watch::channel(BTreeMap::<u64, Vec<u64>>::new());
    let seen = Arc::new(seen);
    let members = members.into_iter().map(|mut member| {
        let seen = seen.clone();
        tokio::spawn(async move {
            while let Some(delivery) = member.next().await {
                let event: Happening = codec::decode(&delivery.body)?;
                seen.send_modify(|seen| {
                    seen.entry(event.publisher).or_default().push(event.number);
                });
                // Others run in between, so that an order that nobody keeps is lost here.
                tokio::task::yield_now().await;
                delivery.ack().await?;
            }
            Ok::<_, Failure>(())
        })
    });
    let members: Vec<_> = members.collect();
    let publishers = (0..KEYS).map(|key| {
        let publisher = served.publisher(Edition::V1_4);
        async move {
            let options = CallOptions::new().ordering_key(format!("customer {key}"));
            let publisher = publisher?.with(options);
            for number in 0..EACH {
                let event = Happening {
                    number,
                    publisher: key,
                    text: String::new(),
                };
                publisher.publish::<Happened1>(&event).await?;
            }
            Ok::<_, Failure>(())
        }
    });
    for published in join_all(publishers).await {
        published?;
    }
    let all = watched.wait_for(|seen| seen.values().map(Vec::len).sum::<usize>() >= 400);
    stage.within("all events", all).await??;
    for (key, numbers) in &*watched.borrow() {
        check_eq!(
            *numbers,
            (0..EACH).collect::<Vec<_>>(),
            "the order of key {key}"
        );
    }
    for member in members {
        member.abort();
    }
    Ok(())
}

/// A group that settles nothing does not keep another group from its events, nor the publisher from publishing.
async fn a_slow_group_does_not_hold_up_another(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut slow = stage.subscribe("^1.4", Some("slow"), 1).await?;
    let mut fast = stage.subscribe("^1.4", Some("fast"), 16).await?;
    let publisher = served.publisher(Edition::V1_4)?;
    publish(&publisher, 0..1).await?;
    let held = stage.next(&mut slow).await?;
    let publishing = publish(&publisher, 1..500);
    let mut all: BTreeSet<u64> = (0..500).collect();
    let receiving = all_of(&stage, &mut fast, &mut all);
    let (published, received) = tokio::join!(publishing, receiving);
    published?;
    received?;
    held.ack().await?;
    all_of(&stage, &mut slow, &mut (1..500).collect()).await
}

/// What is published while no member of a named group is there reaches the group when one comes back.
async fn a_group_that_was_away_gets_what_it_missed(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let publisher = served.publisher(Edition::V1_4)?;
    let mut deliveries = stage.subscribe("^1.4", Some("billing"), 8).await?;
    publish(&publisher, 0..1).await?;
    stage.next(&mut deliveries).await?.ack().await?;
    drop(deliveries);
    publish(&publisher, 1..21).await?;
    let other = stage.another_consumer().await?;
    let mut back = stage
        .subscribe_on(&other, "^1.4", Some("billing"), 8)
        .await?;
    // In any order: what was on its way to the member that left comes back behind the others.
    let mut missed: BTreeSet<u64> = (1..21).collect();
    while !missed.is_empty() {
        let delivery = stage.next(&mut back).await?;
        let number = number(&delivery)?;
        check!(number > 0, "the acknowledged event came again");
        missed.remove(&number);
        delivery.ack().await?;
    }
    Ok(())
}

/// What a member holds when it leaves goes to another member.
async fn a_member_that_leaves_returns_what_it_holds(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut leaving = stage.subscribe("^1.4", Some("billing"), 8).await?;
    publish(&served.publisher(Edition::V1_4)?, 0..5).await?;
    let held = stage.next(&mut leaving).await?;
    let other = stage.another_consumer().await?;
    let mut staying = stage
        .subscribe_on(&other, "^1.4", Some("billing"), 8)
        .await?;
    drop(held);
    drop(leaving);
    let mut numbers = BTreeSet::new();
    while numbers.len() < 5 {
        let delivery = stage.next(&mut staying).await?;
        numbers.insert(number(&delivery)?);
        delivery.ack().await?;
    }
    Ok(())
}
