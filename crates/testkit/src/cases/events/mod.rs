//! Events: published once, received by every group.

pub(super) mod versions;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use polywire_contract::Version;
use polywire_core::{ContentType, Dispatched, ErrorKind, Group, Kind, Subscriber, Support, codec};

use super::{UNICODE, mebibyte};
use crate::case::cases;
use crate::failure::{Checked, Failure, check, check_eq, error_of};
use crate::sample::interaction::{ECHO, HAPPENED, MOVED};
use crate::sample::{Edition, Happened1, Happening, Moved};
use crate::stage::{Stage, bare};

cases! { "events":
    payloads_arrive_as_published needs [Events];
    bytes_of_any_type_arrive needs [Events];
    an_event_is_stamped needs [Events];
    two_groups_each_get_all needs [Events];
    members_of_a_group_share needs [Events];
    subscribers_without_a_group_each_get_all needs [Events];
    two_events_do_not_cross needs [Events];
    nobody_has_to_listen needs [Events];
    an_event_that_no_version_declares_is_unroutable needs [Events];
    too_large_an_event_is_refused needs [Events];
    the_subscriber_may_start_first needs [Events];
}

/// The event of a typed subscriber, acknowledged.
pub(super) async fn received<T: serde::de::DeserializeOwned + Clone + Send>(
    stage: &Stage,
    subscriber: &mut Subscriber<T>,
) -> Checked<T> {
    let delivery = stage
        .within("an event", subscriber.next())
        .await?
        .ok_or_else(|| Failure::new("the subscription ended"))?;
    let event = delivery.event.clone();
    delivery.ack().await?;
    Ok(event)
}

/// Exactly these numbers, in any order: without a key none is promised.
async fn all_of(
    stage: &Stage,
    subscriber: &mut Subscriber<Happening>,
    numbers: std::ops::Range<u64>,
) -> Checked {
    let mut missing: BTreeSet<u64> = numbers.collect();
    while !missing.is_empty() {
        let number = received(stage, subscriber).await?.number;
        check!(
            missing.remove(&number),
            "{number} came twice, or is not awaited"
        );
    }
    Ok(())
}

/// Unicode, nothing but defaults and a mebibyte arrive as they were published.
async fn payloads_arrive_as_published(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let mut events: Subscriber<Happening> = session.subscribe(HAPPENED, "billing").await?;
    let publisher = served.publisher(Edition::V1_4)?;
    for text in [UNICODE.to_owned(), String::new(), mebibyte()] {
        let event = Happening {
            number: u64::MAX,
            publisher: 0,
            text,
        };
        publisher.publish::<Happened1>(&event).await?;
        let found = received(&stage, &mut events).await?;
        check!(found == event, "the event changed on its way");
    }
    Ok(())
}

/// To the channel an event is bytes of a media type: every byte value and no byte at all arrive as they are.
async fn bytes_of_any_type_arrive(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut deliveries = stage.subscribe("^1.4", Some("billing"), 8).await?;
    let bodies: [(&str, Bytes); 3] = [
        ("application/octet-stream", (0..=u8::MAX).collect()),
        ("application/octet-stream", Bytes::new()),
        ("text/plain", Bytes::from_static("blå".as_bytes())),
    ];
    for (media_type, body) in bodies {
        let mut message = bare(Kind::Event, HAPPENED, "^1.4", body.clone())?;
        message.head.content_type = ContentType::parse(media_type);
        message.head.requirement = None;
        message.head.stamp = served.service.stamp(&Edition::V1_4.version()?).cloned();
        let id = message.head.id.clone();
        served.channel.publish(message).await?;
        let delivery = stage.next(&mut deliveries).await?;
        check_eq!(delivery.head.id, id, "the id");
        check_eq!(delivery.body, body, "the bytes");
        check_eq!(
            delivery.head.content_type.as_str(),
            media_type,
            "the media type"
        );
        delivery.ack().await?;
    }
    Ok(())
}

/// An event says of which contract and version it is, and by whom.
async fn an_event_is_stamped(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut deliveries = stage.subscribe("^1.4", Some("billing"), 8).await?;
    let publisher = served.publisher(Edition::V1_4)?;
    let receipt = publisher
        .publish::<Happened1>(&Happening::number(1))
        .await?;
    let delivery = stage.next(&mut deliveries).await?;
    let head = &delivery.head;
    check_eq!(head.id, receipt.id, "the id");
    check_eq!(head.kind, Kind::Event, "the kind");
    check_eq!(head.contract.as_str(), "conformance", "the contract");
    check_eq!(head.interaction, HAPPENED, "the event");
    check_eq!(head.content_type, ContentType::JSON, "the media type");
    let stamp = head
        .stamp
        .as_ref()
        .ok_or_else(|| Failure::new("the event is not stamped"))?;
    check_eq!(stamp.version, Version::new(1, 4, 0), "the version");
    check_eq!(stamp.contract.as_str(), "conformance", "the contract");
    let digest = Edition::V1_4.contract()?.digest();
    check_eq!(stamp.digest, Some(digest), "the digest");
    delivery.ack().await?;
    Ok(())
}

async fn publish_numbers(
    publisher: &polywire_core::Publisher,
    numbers: std::ops::Range<u64>,
) -> Checked {
    for number in numbers {
        publisher
            .publish::<Happened1>(&Happening::number(number))
            .await?;
    }
    Ok(())
}

/// Every group of an event gets every event.
async fn two_groups_each_get_all(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let mut groups: Vec<Subscriber<Happening>> = Vec::new();
    for group in ["billing", "shipping"] {
        groups.push(session.subscribe(HAPPENED, group).await?);
    }
    publish_numbers(&served.publisher(Edition::V1_4)?, 0..50).await?;
    for group in &mut groups {
        let mut numbers = BTreeSet::new();
        while numbers.len() < 50 {
            numbers.insert(received(&stage, group).await?.number);
        }
        check_eq!(numbers, (0..50).collect(), "what a group got");
    }
    Ok(())
}

/// Members of a group, of one process and of another, share: each event goes to one of them, and all take part.
async fn members_of_a_group_share(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let other = stage.another_consumer().await?;
    let mut members = Vec::new();
    for channel in [stage.consumer(), stage.consumer(), other] {
        members.push(
            stage
                .subscribe_on(&channel, "^1.4", Some("billing"), 1)
                .await?,
        );
    }
    publish_numbers(&served.publisher(Edition::V1_4)?, 0..30).await?;
    // Nobody settles the first one, so that each member has to take one.
    let mut held = Vec::new();
    for member in &mut members {
        held.push(stage.next(member).await?);
    }
    let mut numbers = BTreeSet::new();
    for delivery in held {
        numbers.insert(codec::decode::<Happening>(&delivery.body)?.number);
        delivery.ack().await?;
    }
    check_eq!(numbers.len(), 3, "different events in three members' hands");
    let mut all = futures_util::stream::select_all(members);
    while numbers.len() < 30 {
        let delivery = stage
            .within("the next event", futures_util::StreamExt::next(&mut all))
            .await?
            .ok_or_else(|| Failure::new("the members' streams ended"))?;
        let number = codec::decode::<Happening>(&delivery.body)?.number;
        check!(numbers.insert(number), "event {number} came twice");
        delivery.ack().await?;
    }
    Ok(())
}

/// Who names no group gets every event from then on, beside others that name none.
async fn subscribers_without_a_group_each_get_all(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let publisher = served.publisher(Edition::V1_4)?;
    let mut first: Subscriber<Happening> = session.subscribe(HAPPENED, Group::alone()).await?;
    publish_numbers(&publisher, 0..5).await?;
    all_of(&stage, &mut first, 0..5).await?;
    let mut second: Subscriber<Happening> = session.subscribe(HAPPENED, Group::alone()).await?;
    publish_numbers(&publisher, 5..10).await?;
    for subscriber in [&mut first, &mut second] {
        all_of(&stage, subscriber, 5..10).await?;
    }
    Ok(())
}

/// Groups of one name on two events are two groups, and neither gets the other's events.
async fn two_events_do_not_cross(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let session = stage.session(Edition::V1_4)?;
    let mut happened: Subscriber<Happening> = session.subscribe(HAPPENED, "billing").await?;
    let mut moved: Subscriber<Moved> = session.subscribe(MOVED, "billing").await?;
    let publisher = served.publisher(Edition::V1_4)?;
    for number in 0..10 {
        let event = Moved {
            to: number.to_string(),
        };
        publisher
            .publish_bytes(MOVED, codec::encode(&event)?)
            .await?;
        publisher
            .publish::<Happened1>(&Happening::number(number))
            .await?;
    }
    all_of(&stage, &mut happened, 0..10).await?;
    let mut missing: BTreeSet<String> = (0..10).map(|number: u64| number.to_string()).collect();
    while !missing.is_empty() {
        let to = received(&stage, &mut moved).await?.to;
        check!(missing.remove(&to), "{to} came twice, or is not awaited");
    }
    Ok(())
}

/// Publishing is no error when nobody listens.
async fn nobody_has_to_listen(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    publish_numbers(&served.publisher(Edition::V1_4)?, 0..10).await
}

/// What no offered version declares as an event cannot be published.
async fn an_event_that_no_version_declares_is_unroutable(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let publisher = served.publisher(Edition::V1_4)?;
    let published = publisher
        .publish_bytes(ECHO, Bytes::from_static(b"{}"))
        .await;
    let error = error_of("publishing an operation", published)?;
    check_eq!(error.kind(), ErrorKind::Unroutable, "{error}");
    Ok(())
}

/// An event beyond the bound is refused before it is taken.
async fn too_large_an_event_is_refused(stage: Arc<Stage>) -> Checked {
    let served = stage.serve(&[Edition::V1_4]).await?;
    let mut deliveries = stage.subscribe("^1.4", Some("billing"), 8).await?;
    let publisher = served.publisher(Edition::V1_4)?;
    let size = stage.capability().max_payload + 1;
    let published = publisher
        .publish_bytes(HAPPENED, vec![b' '; size].into())
        .await;
    let error = error_of("an event beyond the bound", published)?;
    check_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    check_eq!(error.dispatched(), Dispatched::No, "{error:?}");
    publish_numbers(&publisher, 1..2).await?;
    let delivery = stage.next(&mut deliveries).await?;
    let event: Happening = codec::decode(&delivery.body)?;
    check_eq!(event.number, 1, "the first event that arrives");
    delivery.ack().await?;
    Ok(())
}

/// A subscription made before any provider is there receives once there is one. Where events are the channel's own it
/// misses none; where they are emulated the provider must first be reached, so publishing goes on until it is.
async fn the_subscriber_may_start_first(stage: Arc<Stage>) -> Checked {
    let session = stage.session(Edition::V1_4)?;
    let mut events: Subscriber<Happening> = session.subscribe(HAPPENED, "billing").await?;
    let served = stage.serve(&[Edition::V1_4]).await?;
    let publisher = served.publisher(Edition::V1_4)?;
    publish_numbers(&publisher, 0..1).await?;
    if stage.capability().subscribe == Support::Native {
        check_eq!(received(&stage, &mut events).await?.number, 0, "the event");
        return Ok(());
    }
    let publishing = async {
        let mut again = tokio::time::interval(std::time::Duration::from_millis(50));
        for number in 1.. {
            again.tick().await;
            publish_numbers(&publisher, number..number + 1).await?;
        }
        Ok::<_, Failure>(())
    };
    tokio::select! {
        published = publishing => published,
        event = received(&stage, &mut events) => event.map(drop),
    }
}
