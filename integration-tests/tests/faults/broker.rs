//! The broker, or the way to it, fails amid the load.

use std::time::Instant;

use polywire_test_broker::{Broker, Cluster, Options};
use tokio::sync::MappedMutexGuard;

use crate::consumers::{Consumers, Handled};
use crate::load::{EVENTS, Publishers};
use crate::support::balancer::Balancer;
use crate::support::broker::{Place, broker};

const CONSUMERS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_stops_and_starts_loses_nothing() {
    let broker = broker().await;
    let place = Place::new("restart", &[broker.url()]);
    stop_and_start(broker, place, "broker stopped, killed and started").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn classic_queues_of_a_broker_that_stops_and_starts_lose_nothing() {
    let broker = broker().await;
    let place = Place::new("classic", &[broker.url()]).classic();
    let test = "broker stopped, killed and started, classic queues";
    stop_and_start(broker, place, test).await;
}

/// Stopped as by an operator at a third, killed as by a power failure at a half, and started again both times.
async fn stop_and_start(mut broker: MappedMutexGuard<'_, Broker>, place: Place, test: &str) {
    let begun = Instant::now();
    let handled = Handled::default();
    let consumers = Consumers::start(&place, CONSUMERS, &handled).await;
    let publishers = Publishers::start(&place).await;

    publishers.reached(EVENTS / 3).await;
    broker.stop().unwrap();
    broker.restart().unwrap();
    publishers.reached(EVENTS / 2).await;
    broker.kill().unwrap();
    broker.restart().unwrap();

    let accepted = publishers.finished().await;
    handled.all(&accepted).await;
    consumers.stop().await;
    place.emptied(&broker);
    handled.report(test, &accepted, begun);
}

/// Every connection ends without a word, whatever is under way on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_lose_nothing() {
    let broker = broker().await;
    let balancer = Balancer::start().await;
    balancer.point_at(&[&broker.address().to_string()]);
    let place = Place::new("cut", &[]).through(&balancer.address);
    let begun = Instant::now();
    let handled = Handled::default();
    let consumers = Consumers::start(&place, CONSUMERS, &handled).await;
    let publishers = Publishers::start(&place).await;

    publishers.reached(EVENTS / 3).await;
    balancer.cut();
    publishers.reached(EVENTS / 2).await;
    balancer.cut();

    let accepted = publishers.finished().await;
    handled.all(&accepted).await;
    consumers.stop().await;
    place.emptied(&broker);
    handled.report("connections cut twice", &accepted, begun);
}

/// The node that everybody is connected to is killed at a third, and joins again at a half.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "three nodes and their load want more than two processors: run it with --ignored"]
async fn a_cluster_that_loses_a_node_loses_nothing() {
    // Nothing else at the same time: four nodes are enough for any machine.
    let alone = broker().await;
    let mut cluster = Cluster::start(3, &Options::new()).unwrap();
    let place = Place::new("cluster", &cluster.urls());
    let begun = Instant::now();
    let handled = Handled::default();
    let consumers = Consumers::start(&place, CONSUMERS, &handled).await;
    let first = cluster.node(0).unwrap();
    let ports = first.ctl(&["list_connections", "port"]).unwrap();
    let port = first.address().port().to_string();
    // Below the column's title.
    assert!(ports.lines().skip(1).all(|found| found == port), "{ports}");
    assert_eq!(ports.lines().count(), 1 + 2 * CONSUMERS, "{ports}");
    let publishers = Publishers::start(&place).await;

    publishers.reached(EVENTS / 3).await;
    cluster.node_mut(0).unwrap().kill().unwrap();
    publishers.reached(EVENTS / 2).await;
    cluster.node_mut(0).unwrap().restart().unwrap();

    let accepted = publishers.finished().await;
    handled.all(&accepted).await;
    consumers.stop().await;
    place.emptied(cluster.node(1).unwrap());
    handled.report("one of three nodes killed", &accepted, begun);
    drop((cluster, alone));
}
