//! A consumer that is far behind holds its prefetch, and not the queue.

use std::time::{Duration, Instant};

use lapin::options::{BasicGetOptions, BasicPublishOptions};
use lapin::types::ShortString;
use lapin::{Connection, ConnectionProperties};
use polywire::core::MessageId;
use polywire_test_broker::Node;

use crate::child::{Child, Manner};
use crate::consumers::{Consumers, Handled};
use crate::contract::{config, queue};
use crate::load::{event, publisher};
use crate::support::broker::{Place, broker};
use crate::support::figures;

/// Names how many messages are queued, such as a million.
const VARIABLE: &str = "POLYWIRE_TEST_QUEUED";
/// How many are otherwise: what is queued within seconds on a small machine, and does not fit into the bound.
const QUEUED: usize = 200_000;
/// How many publishes are under way at once.
/// How many the slow consumer handles, of which the first hundredth is before the first look.
const HANDLED: usize = 3_000;
/// What the consumer may take at its peak, in KiB; at rest this unoptimised process takes half of that.
const PEAK: u64 = 64 * 1024;
/// And how much more after some thousand events than after some dozen.
const GROWTH: u64 = 8 * 1024;

/// What a process takes now, and took at most, in KiB.
fn memory(process: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let amount = line.unwrap().trim().trim_end_matches(" kB");
        amount.parse().unwrap()
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// Fills the queue by copies of one event, each under an id of its own. A bare client, as this is not what is tested.
async fn fill(place: &Place, broker: &Node, count: usize) {
    let (wire, publisher) = publisher(place, "first", "60s").await;
    publisher.happened(&event(0, 0)).await.unwrap();
    wire.close().await.unwrap();
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(&broker.url(), properties)
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = ShortString::from(queue(place));
    let get = channel.basic_get(queue.clone(), BasicGetOptions { no_ack: true });
    let first = get.await.unwrap().unwrap().delivery;
    for _ in 0..count {
        let id = MessageId::random().to_string();
        let properties = first.properties.clone().with_message_id(id.into());
        let (exchange, options) = (ShortString::default(), BasicPublishOptions::default());
        channel
            .basic_publish(exchange, queue.clone(), options, &first.data, properties)
            .await
            .unwrap();
    }
    // Answered once all before it is done.
    connection.close(200, ShortString::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_consumer_of_a_long_queue_stays_small() {
    let broker = broker().await;
    let count = std::env::var(VARIABLE).map_or(QUEUED, |count| {
        let count = count.parse().unwrap();
        assert!(
            count >= QUEUED,
            "{VARIABLE}: fewer would fit into the bound"
        );
        count
    });
    let place = Place::new("memory", &[broker.url()]);
    // The group begins with its first member, and goes on without it.
    Consumers::start(&place, 1, &Handled::default())
        .await
        .stop()
        .await;
    let begun = Instant::now();
    fill(&place, &broker, count).await;
    let filled = begun.elapsed();

    let manner = Manner {
        limit: usize::MAX,
        pause: Duration::from_millis(1),
    };
    let mut child = Child::start(&config(&place, "slow", "10s"), manner).await;
    let handled = Handled::default();
    let mut sizes = Vec::new();
    for share in [HANDLED / 100, HANDLED] {
        child.handles(share, &handled).await;
        sizes.push(memory(child.id()));
    }
    let left: u64 = place.held(&broker).iter().map(|(_, held)| held).sum();
    child.kill().await;
    broker.ctl(&["delete_queue", &queue(&place)]).unwrap();

    let [(first, _), (last, peak)] = sizes[..] else {
        panic!("{sizes:?}")
    };
    figures(&format!(
        "slow consumer: {count} queued in {:.1} s, {HANDLED} handled, {left} left; its process took {first} KiB, then {last} KiB, at most {peak} KiB",
        filled.as_secs_f64()
    ));
    assert!(left > u64::try_from(count / 2).unwrap(), "not far behind");
    assert!(peak < PEAK, "{peak} KiB");
    assert!(last < first + GROWTH, "{first} KiB grew to {last} KiB");
}
