//! Several majors in one process.

use polywire_core::ErrorKind;

use crate::consumer::Consumer;
use crate::world::{Build, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_major_that_nobody_asks_for_is_not_executed_until_somebody_does() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let consumer = Consumer::new(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    let second = world.release("2.0.0", "2.0.0");
    consumer
        .acknowledged(&world, "the second index", |ack| ack.seq_seen == 2)
        .await;
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    assert_eq!(world.started(), ["1.2.0"]);
    let error = consumer.greet("^3").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoMatch);
    assert_eq!(
        error.message(),
        "no version of contract \"greeter\" satisfies ^3: the provider \"process\" offers 1.2.0 (another major), 2.0.0 (another \
         major); upgrade the provider to 3.x or require ^2.0"
    );
    // It is loaded for the first who asks, who waits for it.
    let answer = consumer.greet("^2").await.unwrap();
    assert_eq!(answer, ("2.0.0".to_owned(), "\"2.0.0\"".to_owned()));
    assert_eq!(world.started(), ["1.2.0", "2.0.0"]);
    let answer = consumer.greet("^1").await.unwrap();
    assert_eq!(answer, ("1.2.0".to_owned(), "\"1.2.0\"".to_owned()));
    let ack = consumer
        .acknowledged(&world, "both majors", |ack| ack.running.len() == 2)
        .await;
    assert_eq!(ack.running.get(&2), Some(&second));
    assert!(ack.draining.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_release_serves_two_majors() {
    let world = World::new();
    let both = world.publish(&Build::new("5.0.0", "1.4.0").and("2.1.0"));
    let deploy = polywire_plugin::publish::Deploy {
        majors: [1, 2].into(),
        ..crate::support::deploy(&both)
    };
    let plugin = &world.repository().plugin;
    world.publisher().deploy(plugin, &deploy).unwrap();
    let consumer = Consumer::new(&world);
    consumer.until_greeted("^1", "1.4.0", "5.0.0").await;
    consumer.until_greeted("^2", "2.1.0", "5.0.0").await;
    let ack = consumer
        .acknowledged(&world, "both majors", |ack| ack.running.len() == 2)
        .await;
    assert!(ack.running.values().all(|release| *release == both));
    // By one instance of it.
    assert_eq!(world.started(), ["5.0.0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_of_two_majors_stays_with_the_old_one_while_the_new_one_cannot_start() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    // By a clock that stands, nothing but the change itself is acknowledged.
    let (consumer, _clock) = Consumer::clocked(&world);
    consumer.until_greeted("^2; ^1", "1.2.0", "1.2.0").await;
    let bad = world.publish(&Build::new("2.0.0", "2.0.0").with("BAD_INIT"));
    world.deploy(&bad);
    // It is asked for by the next call, which is served meanwhile; so is every other.
    consumer
        .acknowledged(&world, "the second index", |ack| ack.seq_seen == 2)
        .await;
    consumer.until_greeted("^2; ^1", "1.2.0", "1.2.0").await;
    let (code, health) = consumer.refuses(&world, &bad).await;
    assert_eq!(code, "load");
    assert_eq!(
        health,
        "release 2.0.0: plugin greeter 2.0.0 failed in init: no paper"
    );
    consumer.until_greeted("^2; ^1", "1.2.0", "1.2.0").await;
    // Who takes the new one alone is told at once why it does not come.
    let error = consumer.greet("^2").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.message(),
        format!("no plugin serves greeter.greet: {health}")
    );
    world.release("2.0.1", "2.0.0");
    consumer.until_greeted("^2; ^1", "2.0.0", "2.0.1").await;
}
