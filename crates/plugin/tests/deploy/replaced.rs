//! Going back by order of the publisher.

use crate::consumer::{BAKE, Consumer};
use crate::world::World;

/// Waits until everything that comes of an index is done, and what was replaced has its time.
async fn follows(world: &World, consumer: &Consumer, seq: u64) {
    consumer
        .acknowledged(world, "the index", |ack| ack.seq_seen == seq)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_replaced_a_moment_ago_serves_again_without_being_loaded() {
    let world = World::new();
    let old = world.release("1.2.0", "1.2.0");
    let (consumer, clock) = Consumer::clocked(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    let new = world.release("1.3.0", "1.3.0");
    consumer.until_greeted("^1", "1.3.0", "1.3.0").await;
    let plugin = &world.repository().plugin;
    world.publisher().rollback(plugin, 1, None).unwrap();
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    assert_eq!(world.started(), ["1.2.0", "1.3.0"]);
    follows(&world, &consumer, 3).await;
    // It is let in for longer than the window of the time before, and the other one goes.
    clock.advance(BAKE);
    let ack = consumer
        .acknowledged(&world, "the other one unmapped", |ack| ack.unmapped == 1)
        .await;
    assert_eq!(ack.running.get(&1), Some(&old));
    for _ in 0..3 {
        consumer.looks(&world, &clock).await;
        consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    }
    // Forward again, by loading it.
    world.deploy(&new);
    consumer.until_greeted("^1", "1.3.0", "1.3.0").await;
    assert_eq!(world.started(), ["1.2.0", "1.3.0", "1.3.0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_replaced_long_ago_is_loaded_again() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let (consumer, clock) = Consumer::clocked(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    world.release("1.3.0", "1.3.0");
    consumer.until_greeted("^1", "1.3.0", "1.3.0").await;
    follows(&world, &consumer, 2).await;
    clock.advance(BAKE);
    consumer
        .acknowledged(&world, "the old one unmapped", |ack| ack.unmapped == 1)
        .await;
    let plugin = &world.repository().plugin;
    world.publisher().rollback(plugin, 1, None).unwrap();
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    assert_eq!(world.started(), ["1.2.0", "1.3.0", "1.2.0"]);
}
