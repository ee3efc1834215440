//! What happens while the repository is away: calls go on until the deployment window ends, and never after it.

use std::fs;
use std::time::Duration;

use polywire_core::{Dispatched, ErrorKind, Health, Kind};
use polywire_plugin::PluginConfig;
use polywire_plugin::window::Proof;

use crate::consumer::{Consumer, WINDOW, config, message, until};
use crate::world::{Build, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_end_with_the_window_and_are_let_in_again_after_a_contact() {
    let world = World::new();
    let release = world.publish(&Build::new("1.2.0", "1.2.0").with("CONCURRENT"));
    world.deploy(&release);
    let (consumer, clock) = Consumer::clocked(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    let waits = message(Kind::Operation, "^1", "wait", b"");
    let under_way = consumer.under_way(&world, waits).await;
    world.rename("repository", "away");
    let gone = |health: &Health| matches!(health, Health::Degraded(text) if text.contains(" cannot be reached: "));
    consumer.until_health(gone).await;
    clock.advance(WINDOW - Duration::from_millis(1));
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    clock.advance(Duration::from_millis(1));
    let error = consumer.greet("^1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.dispatched(), Dispatched::No);
    let repository = world.repository().root().display().to_string();
    let text = format!(
        "the deployment window of plugin \"greeter\" has expired: repository {repository:?} was last reached 60.0s ago, the window \
         is 60s, or this release is deployed no more; calls are let in again when it is reached and names a release that is loaded"
    );
    assert_eq!(error.message(), text);
    // The one under way comes too late.
    fs::write(world.path("hold"), "").unwrap();
    let error = under_way.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(error.dispatched(), Dispatched::Maybe);
    // Commands are taken, and wait.
    consumer.send("^1", "meanwhile").await;
    assert_eq!(consumer.greet("^1").await.unwrap_err().message(), text);
    assert_eq!(world.lines("marks"), ["waiting"]);
    world.rename("away", "repository");
    clock.advance(WINDOW / 4);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    let both = || (world.lines("marks") == ["waiting", "meanwhile"]).then_some(());
    until("the command", both).await;
    consumer
        .until_health(|health| *health == Health::Ready)
        .await;
    // It was never unloaded.
    assert_eq!(world.started(), ["1.2.0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waited_for_its_thread_past_the_window_enters_nothing() {
    let world = World::new();
    let release = world.publish(&Build::new("1.2.0", "1.2.0").with("CONCURRENT"));
    world.deploy(&release);
    let (consumer, clock) = Consumer::clocked_with(&world, 1);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    let waits = message(Kind::Operation, "^1", "wait", b"");
    let under_way = consumer.under_way(&world, waits).await;
    let mut queued = std::pin::pin!(consumer.greet("^1"));
    assert!(futures_util::poll!(queued.as_mut()).is_pending());
    world.rename("repository", "away");
    clock.advance(WINDOW);
    fs::write(world.path("hold"), "").unwrap();
    let late = under_way.await.unwrap().unwrap_err();
    assert_eq!(late.dispatched(), Dispatched::Maybe, "{late}");
    let refused = queued.await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
    assert_eq!(refused.dispatched(), Dispatched::No, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_slept_lets_no_call_in_before_it_has_looked() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let (consumer, clock) = Consumer::clocked(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    // Nothing can be looked at when it wakes up.
    world.rename("repository", "away");
    clock.advance(Duration::from_secs(3600));
    let error = consumer.greet("^1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.message().contains(" was last reached 3600.0s ago"),
        "{error}"
    );
    world.rename("away", "repository");
    clock.advance(WINDOW / 4);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_window_ends_by_the_clock_of_the_machine() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let consumer = Consumer::with(PluginConfig {
        window: Duration::from_secs(2),
        ..config(&world, "host")
    });
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    world.rename("repository", "away");
    let error = consumer.until_refused("^1").await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("the window is 2s"), "{error}");
    // What is deployed meanwhile is what serves when it is back.
    world.rename("away", "repository");
    world.release("1.3.0", "1.3.0");
    consumer.until_greeted("^1", "1.3.0", "1.3.0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_replaced_is_not_called_after_the_window_though_its_successor_is_refused() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let (consumer, clock) = Consumer::clocked(&world);
    consumer.until_greeted("^1.2", "1.2.0", "1.2.0").await;
    let bad = world.publish(&Build::new("1.3.0", "1.3.0").with("BAD_INIT"));
    world.deploy(&bad);
    let (code, _) = consumer.refuses(&world, &bad).await;
    assert_eq!(code, "load");
    consumer.until_greeted("^1.2", "1.2.0", "1.2.0").await;
    clock.advance(WINDOW);
    let error = consumer.greet("^1.2").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    // It is tried again, after longer and longer pauses.
    let tries = || world.started().len();
    until("another attempt", || (tries() >= 3).then_some(())).await;
    consumer.looks(&world, &clock).await;
    consumer.looks(&world, &clock).await;
    assert!(tries() <= 5, "{:?}", world.started());
    world.release("1.3.1", "1.3.0");
    consumer.until_greeted("^1.2", "1.3.0", "1.3.1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lower_release_serves_whom_it_can_once_the_window_of_the_higher_one_has_passed() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let (consumer, clock) = Consumer::clocked(&world);
    for require in ["^1.0", "^1.2"] {
        consumer.until_greeted(require, "1.2.0", "1.2.0").await;
    }
    let lower = world.release("1.1.0", "1.1.0");
    let (code, _) = consumer.refuses(&world, &lower).await;
    assert_eq!(code, "no-match");
    clock.advance(WINDOW / 2);
    consumer.until_greeted("^1.0", "1.2.0", "1.2.0").await;
    assert_eq!(world.started(), ["1.2.0"]);
    clock.advance(WINDOW / 2);
    consumer.until_greeted("^1.0", "1.1.0", "1.1.0").await;
    let error = consumer.greet("^1.2").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoMatch, "{error}");
    consumer
        .acknowledged(&world, "no error", |ack| ack.error.is_none())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_that_is_only_read_takes_the_word_of_its_publisher() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let consumer = Consumer::with(PluginConfig {
        proof: Proof::Beacon {
            skew: Duration::from_secs(5),
        },
        ..config(&world, "host")
    });
    let error = consumer.greet("^1").await.unwrap_err();
    let beacon = world.repository().root().join("beacons/greeter.json");
    assert_eq!(
        error.message(),
        format!(
            "no plugin serves greeter.greet: {beacon:?} is not there, and proof = \"beacon\" takes it: have the publisher write \
             it, or this process write its acknowledgement"
        )
    );
    let plugin = &world.repository().plugin;
    world.publisher().beacon(plugin).unwrap();
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    assert_eq!(world.ack("host"), None);
}
