//! Going back of one's own accord, when a release proves to be worse than the one before.

use polywire_core::{ErrorKind, Health};
use polywire_plugin::format::{Ack, ReleaseId};

use crate::consumer::{BAKE, Consumer, WINDOW};
use crate::world::{Build, World};

/// A consumer under which a release was replaced by a worse one.
async fn replaced(
    define: &str,
) -> (
    World,
    Consumer,
    polywire_plugin::window::ManualBootClock,
    ReleaseId,
) {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let (consumer, clock) = Consumer::clocked(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    let bad = world.publish(&Build::new("1.3.0", "1.3.0").with(define));
    world.deploy(&bad);
    let error = consumer.until_refused("^1").await;
    assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
    (world, consumer, clock, bad)
}

async fn goes_back(define: &str, why: &str) {
    let (world, consumer, clock, bad) = replaced(define).await;
    // Callers go on, and are served by the old one after a while.
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    let left = |ack: &Ack| ack.rollback_wanted.as_ref() == Some(&bad);
    let ack = consumer.acknowledged(&world, "a wish", left).await;
    assert_eq!(ack.error.as_ref().unwrap().code, "rolled-back");
    assert_eq!(ack.running.get(&1).unwrap().version().to_string(), "1.2.0");
    let text = |health: &Health| matches!(health, Health::Degraded(text) if text.starts_with(&format!("release 1.3.0: {why}")) && text.ends_with("; release 1.2.0 serves again until the deployment window ends: roll back, or deploy a better one"));
    consumer.until_health(text).await;
    // The same index does not bring it back.
    consumer.looks(&world, &clock).await;
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    assert_eq!(world.started(), ["1.2.0", "1.3.0"]);
    // The index names the bad one, so that the old one runs out.
    clock.advance(WINDOW);
    let error = consumer.greet("^1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    world.release("1.3.1", "1.3.0");
    consumer.until_greeted("^1", "1.3.0", "1.3.1").await;
    let well = |ack: &Ack| ack.rollback_wanted.is_none() && ack.error.is_none();
    consumer.acknowledged(&world, "no wish", well).await;
    consumer
        .until_health(|health| *health == Health::Ready)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_panics_is_left() {
    goes_back("PANICS", "it panicked ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_fails_by_its_own_fault_is_left() {
    goes_back("FAILS", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_has_proved_itself_stays_whatever_it_does() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let (consumer, clock) = Consumer::clocked(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    let bad = world.publish(&Build::new("1.3.0", "1.3.0").with("PANICS"));
    world.deploy(&bad);
    let runs = |ack: &Ack| ack.running.get(&1) == Some(&bad);
    consumer.acknowledged(&world, "the release", runs).await;
    clock.advance(BAKE);
    consumer
        .acknowledged(&world, "the old one unmapped", |ack| ack.unmapped == 1)
        .await;
    for _ in 0..10 {
        let error = consumer.greet("^1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
    }
    consumer.looks(&world, &clock).await;
    let ack = world.ack("host").unwrap();
    assert_eq!(
        (ack.rollback_wanted, ack.running.get(&1)),
        (None, Some(&bad))
    );
    assert_eq!(world.started(), ["1.2.0", "1.3.0"]);
}
