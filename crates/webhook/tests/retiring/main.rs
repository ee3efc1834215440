//! A provider drops a major under live subscriptions, over the whole transport: listeners, stores, workers and consumers.
#![allow(clippy::unwrap_used)]

mod shop;

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use http::Method;
use jiff::Timestamp;
use polywire_core::contract::{Status, Version};
use polywire_core::{Deliveries, Delivery};
use serde_json::json;
use tokio::time::{interval, timeout};

use shop::{NEW, OLD, SOON, Shop, both, consumer, join, newer};

async fn next(deliveries: &mut Deliveries) -> Delivery {
    timeout(SOON, deliveries.next()).await.unwrap().unwrap()
}

/// The next order's number, and the version that it came at.
async fn take(deliveries: &mut Deliveries) -> (u64, Version) {
    let delivery = next(deliveries).await;
    let number = std::str::from_utf8(&delivery.body).unwrap().parse();
    let version = delivery.head.stamp.as_ref().unwrap().version.clone();
    delivery.ack().await.unwrap();
    (number.unwrap(), version)
}

/// Takes orders up to a number: each once and in order, at the old version and from some order on at the new one. Gives the last
/// one of the old version.
async fn drain(deliveries: &mut Deliveries, first: u64, last: u64) -> u64 {
    let mut old = first - 1;
    for expected in first..=last {
        let (number, version) = take(deliveries).await;
        assert_eq!(number, expected, "at {version}");
        if version == OLD {
            assert_eq!(number, old + 1, "the old version after the new one");
            old = number;
        } else {
            assert_eq!(version, NEW);
        }
    }
    old
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_comes_at_a_version_that_was_not_agreed() {
    let hour = Duration::from_secs(3600);
    let shop = Shop::open(both(Timestamp::now() + hour)).await;
    let stores = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let ready = consumer(&shop, &stores[0]).await;
    let mut billing = join(&ready, "billing", "^1.4; ^2").await;
    let late = consumer(&shop, &stores[1]).await;
    drop(join(&late, "audit", "^1.4; ^2").await);
    let old = consumer(&shop, &stores[2]).await;
    let mut legacy = join(&old, "legacy", "^1.4").await;
    for subscription in shop.subscriptions().await.values() {
        assert_eq!(subscription["version"], "1.4.0");
        assert_eq!(subscription["state"], "active");
    }

    // The notice, long before: in each delivery, and in each answer about the subscription.
    shop.ship().await;
    let delivery = next(&mut billing).await;
    let stamp = delivery.head.stamp.clone().unwrap();
    assert_eq!((&stamp.version, stamp.status), (&OLD, Status::Deprecated));
    assert_eq!(stamp.link.as_deref(), Some("https://shop.example/orders-1"));
    let sunset: Timestamp = stamp.sunset.as_deref().unwrap().parse().unwrap();
    assert!(sunset > Timestamp::now());
    delivery.ack().await.unwrap();
    let id = shop.subscriptions().await["billing"]["id"].clone();
    let path = format!("/{}", id.as_str().unwrap());
    let answer = shop.ask(Method::GET, &path, None).await;
    for name in ["deprecation", "sunset", "link"] {
        assert!(answer.headers().contains_key(name), "{name}");
    }

    // One endpoint goes down, and the day comes nearer while orders are on their way.
    late.close().await.unwrap();
    let sunset = Timestamp::now() + Duration::from_secs(1);
    shop.serve(both(sunset)).await;
    let mut often = interval(Duration::from_millis(250));
    let retired = timeout(SOON, async {
        loop {
            often.tick().await;
            shop.ship().await;
            let all = shop.subscriptions().await;
            if all.values().all(|one| one["state"] == "paused") {
                return all;
            }
        }
    });
    let retired = retired.await.unwrap();
    assert!(Timestamp::now() >= sunset, "paused before its day");
    for subscription in retired.values() {
        assert_eq!(subscription["reason"], "version-retired");
        assert_eq!(subscription["upgrade"]["to"], "2.1.0");
        assert_eq!(subscription["upgrade"]["phase"], "kept");
    }
    // What comes now is kept for the next major, whether or not the old one is still published.
    let paused_at = shop.published.load(Ordering::Relaxed);
    shop.ship().await;
    shop.ship().await;
    shop.serve(newer()).await;
    shop.ship().await;
    shop.ship().await;
    let last = paused_at + 4;

    // Who is ready upgrades, and gets what was kept, in order.
    shop.upgrade(&retired["billing"]).await;
    let of_old = drain(&mut billing, 2, last).await;
    assert!(
        (2..=paused_at).contains(&of_old),
        "{of_old} of {last} are of the old version, paused after {paused_at}"
    );

    // Who was away comes back elsewhere, upgrades then, and gets everything.
    let back = consumer(&shop, &stores[1]).await;
    let mut audit = join(&back, "audit", "^1.4; ^2").await;
    shop.upgrade(&retired["audit"]).await;
    drain(&mut audit, 1, last).await;

    // Who never upgrades got what was agreed; the rest is kept.
    let subscription = &retired["legacy"];
    let path = format!("/{}", subscription["id"].as_str().unwrap());
    let mut kept = Vec::new();
    for state in ["ready", "waiting"] {
        let (mut after, mut more) = (json!(0), true);
        while more {
            let page = format!("{path}/deliveries?limit=100&state={state}&after={after}");
            let page = shop.get(&page).await;
            for delivery in page["deliveries"].as_array().unwrap() {
                let body = &delivery["body"];
                let number = body["data"].as_u64().unwrap();
                kept.push((number, body["contractversion"].clone()));
                after = delivery["sequence"].clone();
            }
            more = page["more"].as_bool().unwrap();
        }
    }
    kept.sort_by_key(|(number, _)| *number);
    let first = kept.first().unwrap().0;
    let numbers: Vec<u64> = kept.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (first..=last).collect::<Vec<_>>());
    assert_eq!(drain(&mut legacy, 1, first - 1).await, first - 1);
    assert_eq!(kept.last().unwrap().1, "2.1.0");
    let document = shop.get(&path).await;
    assert_eq!(
        (&document["state"], &document["version"]),
        (&json!("paused"), &json!("1.4.0"))
    );

    // And everybody who upgraded goes on.
    shop.ship().await;
    for group in [&mut billing, &mut audit] {
        assert_eq!(take(group).await, (last + 1, NEW));
    }
    assert!(legacy.next().now_or_never().is_none());
    for channel in [ready, back, old, shop.channel] {
        timeout(SOON, channel.close()).await.unwrap().unwrap();
    }
}
