//! Events and their groups.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use polywire_core::{Channel, ErrorKind, Health, MessageId, Publisher, Service, Versions, codec};
use polywire_testkit::sample::{
    Edition, Happened1, Happened2, Happening, Happening2, Probe, Sample,
};

use crate::support;
use crate::support::proxy::{Mode, PATIENCE, Proxy, unknown_ack};
use crate::support::stage::{
    event, provider, subscribe, subscription, take, until, until_ready, within,
};

const PUBLISHERS: u64 = 20;
const EACH: u64 = 150;

/// Every accepted event is handled although all connections are cut at a third and at a half of the load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_survive_cut_connections() {
    let proxy = Proxy::start(Mode::Pass).await;
    let mut config = proxy.before(support::config().unwrap());
    config.publish_timeout = Duration::from_secs(30);
    let provider = provider(&config, &[Edition::V1_4]).await;
    let seen: Arc<Mutex<HashMap<(u64, u64), u32>>> = Arc::default();
    for _ in 0..4 {
        let channel = support::transport(&config).unwrap().open();
        let mut deliveries = subscribe(&channel, "billing", 32).await.unwrap();
        let seen = seen.clone();
        tokio::spawn(async move {
            while let Some(delivery) = deliveries.next().await {
                let event: Happening = codec::decode(&delivery.body).unwrap();
                *seen
                    .lock()
                    .entry((event.publisher, event.number))
                    .or_default() += 1;
                // An ack on a lost connection is an error, and the event comes again.
                let _ = delivery.ack().await;
            }
            drop(channel);
        });
    }
    let done = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let (sender, done) = (provider.publisher(Edition::V1_4), done.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                sender
                    .publish::<Happened1>(&event(publisher, number))
                    .await
                    .unwrap();
                done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        })
    });
    let publishers: Vec<_> = publishers.collect();
    let total = PUBLISHERS * EACH;
    for share in [total / 3, total / 2] {
        until("load", || {
            done.load(std::sync::atomic::Ordering::Relaxed) >= share
        })
        .await;
        proxy.cut();
    }
    for publisher in publishers {
        within("publishing", publisher).await.unwrap();
    }
    let all = usize::try_from(total).unwrap();
    until("every accepted event", || seen.lock().len() == all).await;
}

/// A deleted queue is made again, its consumer started again; what is published then arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_queue_comes_back() {
    let config = support::config().unwrap();
    let provider = provider(&config, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let mut deliveries = subscribe(&channel, "billing", 8).await.unwrap();
    let receiving = tokio::spawn(async move {
        deliveries
            .next()
            .await
            .map(|delivery| delivery.body.clone())
    });
    let raw = support::raw::Raw::connect().await;
    raw.delete(&support::name(
        &config,
        "evt.conformance.happened.billing.v1",
    ))
    .await;
    until(
        "the notice",
        || matches!(channel.health(), Health::Degraded(why) if why.contains("was deleted")),
    )
    .await;
    until_ready(&channel).await;
    provider.publish(9).await;
    let body = within("the event", receiving).await.unwrap().unwrap();
    assert_eq!(codec::decode::<Happening>(&body).unwrap().number, 9);
}

/// When the broker closes the channel under a consumer, what was unsettled comes again and the consumer goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_survives_its_channel() {
    let proxy = Proxy::start(Mode::Pass).await;
    let config = support::config().unwrap();
    let provider = provider(&config, &[Edition::V1_4]).await;
    let proxied = proxy.before(config.clone());
    let channel = support::transport(&proxied).unwrap().open();
    let mut deliveries = subscribe(&channel, "billing", 8).await.unwrap();
    provider.publish(1).await;
    let held = within("the event", deliveries.next()).await.unwrap();
    assert!(proxy.tell_broker(unknown_ack) >= 1);
    let again = within("the event again", deliveries.next()).await.unwrap();
    assert_eq!(again.head.id, held.head.id);
    assert!(again.head.attempt > 1, "{}", again.head.attempt);
    let error = held.ack().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    again.ack().await.unwrap();
    until_ready(&channel).await;
}

/// A member holds as many deliveries as its prefetch says; the rest waits at the broker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_slow_member_does_not_hold_stays_at_the_broker() {
    const PREFETCH: usize = 7;
    const ALL: u32 = 300;
    let config = support::config().unwrap();
    let provider = provider(&config, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let mut deliveries = subscribe(&channel, "billing", PREFETCH).await.unwrap();
    let publisher = provider.publisher(Edition::V1_4);
    for number in 0..ALL {
        publisher
            .publish::<Happened1>(&event(1, number.into()))
            .await
            .unwrap();
    }
    let held = within("the event", deliveries.next()).await.unwrap();
    let raw = support::raw::Raw::connect().await;
    let queue = support::name(&config, "evt.conformance.happened.billing.v1");
    assert_eq!(
        raw.count(&queue).await,
        ALL - u32::try_from(PREFETCH).unwrap()
    );
    held.ack().await.unwrap();
}

/// An event whose contract has no group yet goes to nobody, and that is no error; a group gets what comes after it joined.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_without_a_group_is_nobodys() {
    let config = support::config().unwrap();
    let provider = provider(&config, &[Edition::V1_4]).await;
    let publisher = provider.publisher(Edition::V1_4);
    publisher.publish::<Happened1>(&event(1, 1)).await.unwrap();
    let channel = support::transport(&config).unwrap().open();
    let mut deliveries = subscribe(&channel, "billing", 8).await.unwrap();
    publisher.publish::<Happened1>(&event(1, 2)).await.unwrap();
    take(&mut deliveries, 2).await;
}

/// Of an event that is published on two tracks, a group that takes both handles one copy, whichever members they come to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_two_tracks_handles_one_copy() {
    const ALL: u64 = 100;
    let config = support::config().unwrap();
    let channel = support::transport(&config).unwrap().open();
    let probe = Probe::new(PATIENCE);
    let versions = Versions::new()
        .serve(Sample::new(Edition::V2, &probe).unwrap())
        .serve(Sample::new(Edition::V1_4, &probe).unwrap())
        .adapt_event::<Happened2, Happened1>(|event: Happening2| Happening::number(event.number));
    let service = Service::new(versions).unwrap();
    let contract = Edition::V2.contract().unwrap();
    let publisher = Publisher::new(channel.clone(), &service, &contract, PATIENCE).unwrap();
    let seen: Arc<Mutex<HashMap<MessageId, Vec<String>>>> = Arc::default();
    let mut members = Vec::new();
    for _ in 0..3 {
        let end = support::transport(&config).unwrap().open();
        let subscription = subscription("^2; ^1.2", Some("billing"), 4);
        let mut deliveries = within("subscribing", end.subscribe(subscription))
            .await
            .unwrap();
        let seen = seen.clone();
        members.push(end);
        tokio::spawn(async move {
            while let Some(delivery) = deliveries.next().await {
                let version = delivery.head.stamp.as_ref().unwrap().version.to_string();
                let id = delivery.head.id.clone();
                seen.lock().entry(id).or_default().push(version);
                delivery.ack().await.unwrap();
            }
        });
    }
    for number in 0..ALL {
        let event = Happening2 {
            number,
            message: String::new(),
        };
        publisher.publish::<Happened2>(&event).await.unwrap();
    }
    until("every event", || {
        seen.lock().len() == usize::try_from(ALL).unwrap()
    })
    .await;
    let raw = support::raw::Raw::connect().await;
    let queue = support::name(&config, "evt.conformance.happened.billing.v1+v2");
    let emptied = async { while raw.count(&queue).await > 0 {} };
    within("an empty queue", emptied).await;
    let twice: Vec<_> = seen
        .lock()
        .values()
        .filter(|versions| **versions != ["2.0.0"])
        .cloned()
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
}
