//! What becomes of an event in a subscriber's hands.

pub(super) mod groups;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use polywire_core::{Deliveries, Delivery, Publisher, Shelf, Subscriber, codec};
use tokio::time::timeout;

use super::events::received;
use crate::case::cases;
use crate::failure::{Checked, Failure, check, check_eq};
use crate::sample::interaction::HAPPENED;
use crate::sample::{Edition, Happened1, Happening};
use crate::stage::Stage;

cases! { "delivery":
    an_acknowledged_event_does_not_come_again needs [Events];
    a_retry_comes_again_and_is_counted needs [Events];
    a_retry_waits_as_long_as_asked needs [Events];
    the_last_attempt_goes_to_the_dead_letters needs [Events];
    a_rejected_event_goes_to_the_dead_letters needs [Events];
    a_dropped_event_returns_to_the_group needs [Events];
    what_does_not_decode_goes_to_the_dead_letters needs [Events];
    an_event_below_the_floor_is_parked_and_can_be_replayed needs [Events];
}

fn number(delivery: &Delivery) -> Checked<u64> {
    Ok(codec::decode::<Happening>(&delivery.body)?.number)
}

async fn publish(publisher: &Publisher, numbers: std::ops::Range<u64>) -> Checked {
    for number in numbers {
        publisher
            .publish::<Happened1>(&Happening::number(number))
            .await?;
    }
    Ok(())
}

/// That nothing comes cannot be awaited, only not seen for a while.
async fn nothing(deliveries: &mut Deliveries, why: &str) -> Checked {
    match timeout(Duration::from_millis(100), deliveries.next()).await {
        Err(_) => Ok(()),
        Ok(None) => Err(Failure::new("the stream ended")),
        Ok(Some(delivery)) => Err(Failure::new(format!(
            "{why}, and {} came (attempt {})",
            delivery.head.id, delivery.head.attempt
        ))),
    }
}

/// After an ack the next event comes, and never the acknowledged one.
async fn an_acknowledged_event_does_not_come_again(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut deliveries = stage.subscribe("^1.4", Some("billing"), 1).await?;
    publish(&served.publisher(Edition::V1_4)?, 0..3).await?;
    all_of(&stage, &mut deliveries, &mut (0..3).collect()).await?;
    nothing(&mut deliveries, "all were acknowledged").await
}

/// A retried event comes again with the same id and the next attempt, and the others are not held up.
async fn a_retry_comes_again_and_is_counted(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut deliveries = stage.subscribe("^1.4", Some("billing"), 8).await?;
    publish(&served.publisher(Edition::V1_4)?, 0..3).await?;
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let delivery = stage.next(&mut deliveries).await?;
        let attempt = delivery.head.attempt;
        let number = number(&delivery)?;
        seen.push((number, attempt));
        if number == 0 && attempt == 1 {
            delivery.retry(Duration::from_millis(1)).await?;
        } else {
            delivery.ack().await?;
        }
    }
    seen.sort_unstable();
    check_eq!(
        seen,
        [(0, 1), (0, 2), (1, 1), (2, 1)],
        "the events and their attempts"
    );
    Ok(())
}

/// A retry is not delivered before the wait that was asked for.
async fn a_retry_waits_as_long_as_asked(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut deliveries = stage.subscribe("^1.4", Some("billing"), 8).await?;
    publish(&served.publisher(Edition::V1_4)?, 0..1).await?;
    let wait = Duration::from_millis(300);
    let delivery = stage.next(&mut deliveries).await?;
    let start = Instant::now();
    delivery.retry(wait).await?;
    let delivery = stage.next(&mut deliveries).await?;
    let took = start.elapsed();
    check!(
        took >= wait,
        "asked to wait {wait:?}, it came after {took:?}"
    );
    check_eq!(delivery.head.attempt, 2, "the attempt");
    delivery.ack().await?;
    Ok(())
}

/// An event whose last attempt is retried is set aside with the reason and its attempts, for its group.
async fn the_last_attempt_goes_to_the_dead_letters(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut deliveries = stage.subscribe("^1.4", Some("billing"), 8).await?;
    publish(&served.publisher(Edition::V1_4)?, 7..8).await?;
    let last = stage.options().bounds.max_attempts;
    for attempt in 1..=last {
        let delivery = stage.next(&mut deliveries).await?;
        check_eq!(delivery.head.attempt, attempt, "the attempt");
        delivery.retry(Duration::from_millis(1)).await?;
    }
    let letters = stage.shelved(Shelf::Dead, 1).await?;
    let letter = &letters[0];
    check_eq!(letter.group, "billing", "the group");
    check_eq!(letter.head.attempt, last, "the attempts");
    check_eq!(
        letter.reason,
        format!("failed on attempt {last} of {last}"),
        "the reason"
    );
    nothing(&mut deliveries, "it is dead").await
}

/// Exactly these numbers, in any order: without a key none is promised.
async fn all_of(
    stage: &Stage,
    deliveries: &mut Deliveries,
    missing: &mut BTreeSet<u64>,
) -> Checked {
    while !missing.is_empty() {
        let delivery = stage.next(deliveries).await?;
        let number = number(&delivery)?;
        check!(
            missing.remove(&number),
            "{number} came twice, or is not awaited"
        );
        delivery.ack().await?;
    }
    Ok(())
}

/// A rejected event is set aside at once with the reason, for its group only; another group still gets it.
async fn a_rejected_event_goes_to_the_dead_letters(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut billing = stage.subscribe("^1.4", Some("billing"), 8).await?;
    let mut shipping = stage.subscribe("^1.4", Some("shipping"), 8).await?;
    publish(&served.publisher(Edition::V1_4)?, 7..9).await?;
    let delivery = stage.next(&mut billing).await?;
    let (id, rejected) = (delivery.head.id.clone(), number(&delivery)?);
    delivery.reject("no such customer: Ærø \"7\"").await?;
    let letters = stage.shelved(Shelf::Dead, 1).await?;
    let letter = &letters[0];
    check_eq!(letter.head.id, id, "the id");
    check_eq!(letter.group, "billing", "the group");
    check_eq!(letter.reason, "no such customer: Ærø \"7\"", "the reason");
    check_eq!(
        codec::decode::<Happening>(&letter.body)?.number,
        rejected,
        "the payload"
    );
    let mut rest: BTreeSet<u64> = (7..9).filter(|number| *number != rejected).collect();
    all_of(&stage, &mut billing, &mut rest).await?;
    all_of(&stage, &mut shipping, &mut (7..9).collect()).await
}

/// What is dropped without a verdict comes again, without waiting.
async fn a_dropped_event_returns_to_the_group(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut deliveries = stage.subscribe("^1.4", Some("billing"), 1).await?;
    publish(&served.publisher(Edition::V1_4)?, 0..1).await?;
    let delivery = stage.next(&mut deliveries).await?;
    let id = delivery.head.id.clone();
    drop(delivery);
    let again = stage.next(&mut deliveries).await?;
    check_eq!(again.head.id, id, "the event that comes again");
    check!(again.head.attempt > 1, "it is not told as a redelivery");
    again.ack().await?;
    Ok(())
}

/// An event that is no value of the subscriber's type is set aside with what is wrong; the application sees the next.
async fn what_does_not_decode_goes_to_the_dead_letters(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let mut events: Subscriber<Happening> = session.subscribe(HAPPENED, "billing").await?;
    let publisher = served.publisher(Edition::V1_4)?;
    publisher
        .publish_bytes(HAPPENED, Bytes::from_static(br#"{"number":"seven"}"#))
        .await?;
    publish(&publisher, 8..9).await?;
    check_eq!(received(&stage, &mut events).await?.number, 8, "the event");
    // It may come behind the other one, and is set aside when it is this subscriber's turn to take it.
    let letters = tokio::select! {
        letters = stage.shelved(Shelf::Dead, 1) => letters?,
        _ = events.next() => return Err(Failure::new("the application was given another event")),
    };
    check!(
        letters[0]
            .reason
            .starts_with("payload of 18 bytes is not a Happening"),
        "another reason: {:?}",
        letters[0].reason
    );
    Ok(())
}

/// After a rollback from 1.5 to 1.4 a ^1.5 subscriber gets none of 1.4's events: they are parked with the reason, apart
/// from dead letters, and replayed to a subscriber that takes them.
async fn an_event_below_the_floor_is_parked_and_can_be_replayed(stage: Arc<Stage>) -> Checked {
    let newer = stage.serve(&[Edition::V1_5]).await?;
    let session = stage.session(Edition::V1_5)?;
    let mut events: Subscriber<Happening> = session.subscribe(HAPPENED, "billing").await?;
    publish(&newer.publisher(Edition::V1_5)?, 0..1).await?;
    check_eq!(received(&stage, &mut events).await?.number, 0, "the event");
    let older = stage.serve(&[Edition::V1_4]).await?;
    publish(&older.publisher(Edition::V1_4)?, 1..2).await?;
    let again = stage.serve(&[Edition::V1_5]).await?;
    publish(&again.publisher(Edition::V1_5)?, 2..3).await?;
    check_eq!(received(&stage, &mut events).await?.number, 2, "the event");
    // As above: it may come behind the other one.
    let letter = tokio::select! {
        letters = stage.shelved(Shelf::Parked, 1) => letters?.remove(0),
        _ = events.next() => return Err(Failure::new("the application was given another event")),
    };
    check_eq!(
        letter.reason,
        "answered as conformance 1.4.0, which conformance ^1.5.0 does not allow",
        "the reason"
    );
    check_eq!(letter.group, "billing", "the group");
    stage.shelved(Shelf::Dead, 0).await?;
    drop(events);
    let mut taking = stage.subscribe("^1.4", Some("billing"), 8).await?;
    let replayed = stage
        .letters()?
        .replay(Shelf::Parked, &letter.group, &letter.head.id)
        .await?;
    check!(replayed, "the letter was not found for its replay");
    let delivery = stage.next(&mut taking).await?;
    check_eq!(number(&delivery)?, 1, "the replayed event");
    delivery.ack().await?;
    stage.shelved(Shelf::Parked, 0).await.map(drop)
}
