//! Events and commands over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use polywire_core::{Group, Letter, Shelf, Subscriber, TypedDelivery};
use support::*;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);

async fn next(subscriber: &mut Subscriber<Quote>) -> TypedDelivery<Quote> {
    timeout(SOON, subscriber.next())
        .await
        .expect("an event arrives in time")
        .expect("the stream goes on")
}

async fn subscribe(served: &Served, group: impl Into<Group> + Send) -> Subscriber<Quote> {
    session(served.address, "1.4.0", "^1.2")
        .await
        .subscribe(SHIPPED, group)
        .await
        .unwrap()
}

/// The letters of a shelf, once there are some.
async fn letters(served: &Served, shelf: Shelf) -> Vec<Letter> {
    let shelves = served.channel.letters().unwrap();
    let some = async {
        loop {
            let found = shelves.list(shelf, 10).await.unwrap();
            if !found.is_empty() {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, some)
        .await
        .expect("a letter stands on the shelf in time")
}

#[tokio::test]
async fn two_groups_each_get_all_and_members_share() {
    let served = serve("1.4.0").await;
    let mut billing = [
        subscribe(&served, "billing").await,
        subscribe(&served, "billing").await,
    ];
    let mut stock = subscribe(&served, "stock").await;
    let mut alone = subscribe(&served, Group::alone()).await;
    for number in 0..100 {
        served.ship("1.4.0", &number.to_string()).await;
    }
    for subscriber in [&mut stock, &mut alone] {
        for number in 0..100 {
            let delivery = next(subscriber).await;
            assert_eq!(delivery.event.item, number.to_string());
            assert_eq!(
                delivery.head().stamp.as_ref().unwrap().version.to_string(),
                "1.4.0"
            );
            delivery.ack().await.unwrap();
        }
    }
    let mut shared = Vec::new();
    let [first, second] = &mut billing;
    while shared.len() < 100 {
        let delivery = timeout(SOON, async {
            tokio::select! {
                delivery = first.next() => delivery,
                delivery = second.next() => delivery,
            }
        });
        let delivery = delivery.await.unwrap().unwrap();
        shared.push(delivery.event.item.parse::<u32>().unwrap());
        delivery.ack().await.unwrap();
    }
    shared.sort_unstable();
    assert_eq!(shared, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_delivery_is_retried_rejected_and_returned() {
    let served = serve("1.4.0").await;
    let mut billing = subscribe(&served, "billing").await;
    served.ship("1.4.0", "a").await;
    let first = next(&mut billing).await;
    assert_eq!(first.head().attempt, 1);
    first.retry(Duration::from_millis(1)).await.unwrap();
    let again = next(&mut billing).await;
    assert_eq!((again.event.item.as_str(), again.head().attempt), ("a", 2));
    drop(again);
    let returned = next(&mut billing).await;
    assert_eq!(returned.event.item, "a");
    returned.reject("out of stock").await.unwrap();
    let dead = letters(&served, Shelf::Dead).await;
    assert_eq!(
        (dead[0].reason.as_str(), dead[0].group.as_str()),
        ("out of stock", "billing")
    );
    assert!(
        served
            .channel
            .letters()
            .unwrap()
            .replay(Shelf::Dead, "billing", &dead[0].head.id)
            .await
            .unwrap()
    );
    next(&mut billing).await.ack().await.unwrap();
}

#[tokio::test]
async fn a_member_that_leaves_settles_what_it_holds_and_returns_the_rest() {
    let served = serve("1.4.0").await;
    let mut billing = subscribe(&served, "billing").await;
    for item in ["a", "b", "c"] {
        served.ship("1.4.0", item).await;
    }
    let held = next(&mut billing).await;
    drop(billing);
    let mut other = subscribe(&served, "billing").await;
    let mut rest = Vec::new();
    for _ in 0..2 {
        let delivery = next(&mut other).await;
        rest.push(delivery.event.item.clone());
        delivery.ack().await.unwrap();
    }
    rest.sort();
    assert_eq!(rest, ["b", "c"]);
    held.ack().await.unwrap();
}

#[tokio::test]
async fn a_group_gets_what_it_missed_and_either_side_may_start_first() {
    // A port that is free now: the subscriber knows the address before the provider is there.
    let served = serve("1.4.0").await;
    let address = served.address;
    served.channel.close().await.unwrap();
    let mut billing = session(address, "1.4.0", "^1.2")
        .await
        .subscribe::<Quote>(SHIPPED, "billing")
        .await
        .unwrap();
    let config = polywire_http::HttpConfig {
        listen: Some(address),
        ..local()
    };
    let served = serve_with("1.4.0", config.clone()).await;
    let shipped = async {
        loop {
            served.ship("1.4.0", "a").await;
            tokio::select! {
                delivery = billing.next() => return delivery.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        }
    };
    timeout(SOON, shipped).await.unwrap().ack().await.unwrap();
    served.channel.close().await.unwrap();
    drop(served);
    // A restarted provider publishes at once: its replay log has it for whoever was there before.
    let served = serve_with("1.4.0", config).await;
    served.ship("1.4.0", "b").await;
    loop {
        let delivery = next(&mut billing).await;
        let item = delivery.event.item.clone();
        let _ = delivery.ack().await;
        if item == "b" {
            break;
        }
    }
}

#[tokio::test]
async fn an_event_below_the_floor_is_parked() {
    let served = serve("1.4.0").await;
    let mut narrow = session(served.address, "1.4.0", "=1.4.0")
        .await
        .subscribe::<Quote>(SHIPPED, "narrow")
        .await
        .unwrap();
    let newer = Orders::new("1.5.0");
    let both = polywire_core::Versions::new()
        .serve(Orders::new("1.4.0"))
        .serve(newer);
    let service = std::sync::Arc::new(polywire_core::Service::new(both).unwrap());
    served.channel.serve(service.clone()).await.unwrap();
    let publisher =
        polywire_core::Publisher::new(served.channel.clone(), &service, &contract("1.5.0"), SOON)
            .unwrap();
    publisher
        .publish_bytes(
            SHIPPED,
            polywire_core::codec::encode(&quote("new")).unwrap(),
        )
        .await
        .unwrap();
    served.ship("1.4.0", "old").await;
    let delivery = next(&mut narrow).await;
    assert_eq!(delivery.event.item, "old");
    delivery.ack().await.unwrap();
    let parked = letters(&served, Shelf::Parked).await;
    assert_eq!(
        parked[0].reason,
        "answered as orders 1.5.0, which orders =1.4.0 does not allow"
    );
}

#[tokio::test]
async fn a_subscription_nobody_can_serve_is_refused() {
    let served = serve("1.4.0").await;
    let error = session(served.address, "2.0.0", "^2")
        .await
        .subscribe::<Quote>(SHIPPED, "billing")
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with(
            "subscribe orders.shipped: no version of contract \"orders\" satisfies ^2"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn commands_are_accepted_then_done_or_dead_lettered() {
    let served = serve("1.4.0").await;
    let session = session(served.address, "1.4.0", "^1.2").await;
    let receipt = session.command(CANCEL, &quote("a")).await.unwrap();
    assert_eq!(receipt.stamp.unwrap().version.to_string(), "1.4.0");
    served.seen.until(&served.seen.commands, 1).await;
    let receipt = session.command(CANCEL, &quote("none")).await.unwrap();
    let dead = letters(&served, Shelf::Dead).await;
    assert_eq!(
        (dead[0].head.id.clone(), dead[0].reason.as_str()),
        (receipt.id, "application error sold_out")
    );
}

#[tokio::test]
async fn draining_delivers_what_is_there_and_finishes_commands() {
    let served = serve("1.4.0").await;
    let session = session(served.address, "1.4.0", "^1.2").await;
    let mut billing = subscribe(&served, "billing").await;
    for number in 0..50 {
        served.ship("1.4.0", &number.to_string()).await;
    }
    session.command(CANCEL, &quote("wait")).await.unwrap();
    let channel = served.channel.clone();
    let draining = tokio::spawn(async move { channel.drain().await });
    for number in 0..50 {
        let delivery = next(&mut billing).await;
        assert_eq!(delivery.event.item, number.to_string());
        served.seen.release.notify_one();
        delivery.ack().await.unwrap();
    }
    timeout(SOON, draining)
        .await
        .expect("draining ends in time")
        .unwrap()
        .unwrap();
    assert_eq!(
        served
            .seen
            .commands
            .load(std::sync::atomic::Ordering::SeqCst),
        1
    );
    let error = session.command(CANCEL, &quote("late")).await.unwrap_err();
    assert_eq!(error.kind(), polywire_core::ErrorKind::Unavailable);
    served.channel.close().await.unwrap();
    served.channel.close().await.unwrap();
}
