//! What only a node of our own can do: run out of memory, stop, be killed.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use polywire_amqp::AmqpConfig;
use polywire_core::{Channel, ErrorKind, Health, codec};
use polywire_test_broker::{Broker, Options};
use polywire_testkit::sample::{Edition, Happened1, Happening, Note, interaction};
use tokio::task::block_in_place;

use crate::support;
use crate::support::stage::{
    event, provider, session, show_log, subscribe, until, until_or, until_ready, within,
};

fn config(broker: &Broker) -> AmqpConfig {
    let mut config = AmqpConfig::new(vec![broker.url().parse().unwrap()]);
    config.publish_timeout = Duration::from_secs(60);
    config
}

/// A memory alarm: publishers wait and are told why, consumers go on settling, and then all that waited is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_without_memory_is_waited_for() {
    let broker = block_in_place(|| Broker::start(&Options::new())).unwrap();
    let config = config(&broker);
    let provider = provider(&config, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let mut deliveries = subscribe(&channel, "billing", 100).await.unwrap();
    let publisher = provider.publisher(Edition::V1_4);
    for number in 0..50 {
        publisher
            .publish::<Happened1>(&event(1, number))
            .await
            .unwrap();
    }
    let mut held = Vec::new();
    for _ in 0..50 {
        held.push(within("an event", deliveries.next()).await.unwrap());
    }
    block_in_place(|| broker.ctl(&["set_vm_memory_high_watermark", "0.00001"])).unwrap();
    let client = session(&provider.channel, "^1.4", Duration::from_secs(1));
    // The broker tells a connection when it next publishes.
    let error = within(
        "an error",
        client.command(interaction::NOTE, &Note::done(1)),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error:?}");
    until("the alarm", || matches!(provider.channel.health(), Health::Degraded(why) if why.contains("takes nothing for now"))).await;
    let error = client
        .command(interaction::NOTE, &Note::done(2))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error:?}");
    for delivery in held {
        delivery.ack().await.unwrap();
    }
    until("all acks", || {
        let queues = block_in_place(|| broker.ctl(&["list_queues", "name", "messages"])).unwrap();
        queues.lines().any(|line| {
            line.split_whitespace()
                .eq(["evt.conformance.happened.billing.v1", "0"])
        })
    })
    .await;
    let waiting = tokio::spawn(async move { publisher.publish::<Happened1>(&event(2, 0)).await });
    block_in_place(|| broker.ctl(&["set_vm_memory_high_watermark", "0.4"])).unwrap();
    within("the publish", waiting).await.unwrap().unwrap();
    until_ready(&provider.channel).await;
    let last = within("the last event", deliveries.next()).await.unwrap();
    assert_eq!(codec::decode::<Happening>(&last.body).unwrap().publisher, 2);
    last.ack().await.unwrap();
}

/// A broker that is stopped at a third of the load, and killed at a half, loses nothing that was accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_broker_has_everything_that_was_accepted() {
    const PUBLISHERS: u64 = 20;
    const EACH: u64 = 100;
    show_log();
    let mut broker = block_in_place(|| Broker::start(&Options::new())).unwrap();
    let config = config(&broker);
    let provider = provider(&config, &[Edition::V1_4]).await;
    let seen: Arc<Mutex<HashSet<(u64, u64)>>> = Arc::default();
    for _ in 0..4 {
        let channel = support::transport(&config).unwrap().open();
        let mut deliveries = subscribe(&channel, "billing", 16).await.unwrap();
        let seen = seen.clone();
        tokio::spawn(async move {
            while let Some(delivery) = deliveries.next().await {
                let event: Happening = codec::decode(&delivery.body).unwrap();
                seen.lock().insert((event.publisher, event.number));
                // An ack on a lost connection is an error, and the event comes again.
                let _ = delivery.ack().await;
            }
            drop(channel);
        });
    }
    let accepted = Arc::new(AtomicU64::new(0));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let (sender, accepted) = (provider.publisher(Edition::V1_4), accepted.clone());
            tokio::spawn(async move {
                for number in 0..EACH {
                    // Until it is accepted: an outage may outlast a deadline.
                    while let Err(error) =
                        sender.publish::<Happened1>(&event(publisher, number)).await
                    {
                        assert!(
                            matches!(
                                error.kind(),
                                ErrorKind::Unavailable | ErrorKind::DeadlineExceeded
                            ),
                            "{error:?}"
                        );
                    }
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let all = PUBLISHERS * EACH;
    until("a third", || accepted.load(Ordering::Relaxed) >= all / 3).await;
    block_in_place(|| broker.stop().and_then(|()| broker.restart())).unwrap();
    until("a half", || accepted.load(Ordering::Relaxed) >= all / 2).await;
    block_in_place(|| broker.kill().and_then(|()| broker.restart())).unwrap();
    for publisher in publishers {
        within("publishing", publisher).await.unwrap();
    }
    let all = usize::try_from(all).unwrap();
    let found = || {
        let what = "name type state messages_ready messages_unacknowledged consumers";
        let what: Vec<_> = ["list_queues"].into_iter().chain(what.split(' ')).collect();
        let queues = block_in_place(|| broker.ctl(&what)).unwrap();
        let came = seen.lock().len();
        format!(": {came} of {all} have come; the broker has\n{queues}")
    };
    until_or("every accepted event", || seen.lock().len() == all, found).await;
    until_ready(&provider.channel).await;
}
