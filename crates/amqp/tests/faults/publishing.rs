//! What a publisher is told.

use std::time::Duration;

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, ExchangeDeleteOptions};
use lapin::types::FieldTable;
use polywire_core::codec;
use polywire_testkit::sample::{Edition, Happened1, Happening};

use crate::support;
use crate::support::stage::{event, provider, subscribe, within};

/// An exchange that was deleted under its publisher is made again before the publish counts as done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_exchange_comes_back() {
    let config = support::config().unwrap();
    let provider = provider(&config, &[Edition::V1_4]).await;
    let publisher = provider.publisher(Edition::V1_4);
    publisher.publish::<Happened1>(&event(1, 1)).await.unwrap();
    let exchange = support::name(&config, "evt.conformance");
    let channel = support::raw::Raw::connect().await.channel().await;
    channel
        .exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default())
        .await
        .unwrap();
    publisher.publish::<Happened1>(&event(1, 2)).await.unwrap();
    let passive = ExchangeDeclareOptions {
        passive: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(
            exchange.as_str().into(),
            ExchangeKind::Topic,
            passive,
            FieldTable::default(),
        )
        .await
        .unwrap();
}

/// Publishes whose callers stopped waiting take no place of the window, and nothing of the channel: later ones go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abandoned_publishes_hold_nobody_up() {
    let mut config = support::config().unwrap();
    config.max_unconfirmed = 4;
    let provider = provider(&config, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let mut deliveries = subscribe(&channel, "billing", 1000).await.unwrap();
    let publisher = provider.publisher(Edition::V1_4);
    for number in 0..200 {
        let event = event(1, number);
        let publish = publisher.publish::<Happened1>(&event);
        // Begun and given up at once, in most rounds before the confirm.
        let _ = tokio::time::timeout(Duration::ZERO, publish).await;
    }
    let last = within("the last", publisher.publish::<Happened1>(&event(2, 0))).await;
    last.unwrap();
    let receiving = async {
        loop {
            let delivery = deliveries.next().await.unwrap();
            let event: Happening = codec::decode(&delivery.body).unwrap();
            delivery.ack().await.unwrap();
            if event.publisher == 2 {
                return;
            }
        }
    };
    within("the last event", receiving).await;
}
