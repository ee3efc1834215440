//! Nothing to call: said at once, and why.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use polywire_core::{Channel, Dispatched, Error, ErrorKind, Health, Kind};
use polywire_plugin::PluginConfig;
use polywire_plugin::trust::SigningKey;
use tokio::time::timeout;

use crate::consumer::{Consumer, call, config, message};
use crate::world::World;

/// The error of a call, which comes long before a deadline would.
async fn refused(consumer: &Consumer) -> Error {
    let mut message = message(Kind::Operation, "^1", "greet", b"you");
    message.head.deadline = None;
    let answer = timeout(Duration::from_secs(20), call(&consumer.channel, message));
    answer.await.unwrap().unwrap_err()
}

async fn unavailable(consumer: &Consumer, why: &str) {
    let error = refused(consumer).await;
    let text = format!("no plugin serves greeter.greet: {why}");
    assert_eq!(error.message(), text);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.dispatched(), Dispatched::No);
    assert_eq!(consumer.channel.health(), Health::Degraded(why.to_owned()));
    let contract = polywire_contract::Name::from_static("greeter");
    let error = consumer.channel.discover(&contract).await.unwrap_err();
    assert_eq!(error.message(), format!("no plugin serves greeter: {why}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_deployed() {
    let world = World::new();
    let consumer = Consumer::new(&world);
    assert_eq!(consumer.channel.health(), Health::Ready);
    let root = world.repository().root();
    let why = format!(
        "repository {root:?} has no release of plugin greeter deployed: {:?} is not there",
        world.index_file()
    );
    unavailable(&consumer, &why).await;
    world.release("1.2.0", "1.2.0");
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_repository() {
    let world = World::new();
    let root = world.path("nowhere");
    let consumer = Consumer::with(PluginConfig {
        repository: root.clone().into(),
        ..config(&world, "host")
    });
    let why =
        format!("repository {root:?} cannot be reached: No such file or directory (os error 2)");
    unavailable(&consumer, &why).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_repository_is_away_when_another_major_is_asked_for() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    world.release("2.0.0", "2.0.0");
    let (consumer, _clock) = Consumer::clocked(&world);
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    world.rename("repository", "away");
    let root = world.repository().root();
    let why =
        format!("repository {root:?} cannot be reached: No such file or directory (os error 2)");
    let degraded = Health::Degraded(why.clone());
    consumer.until_health(|health| *health == degraded).await;
    for _ in 0..2 {
        let mut message = message(Kind::Operation, "^2", "greet", b"you");
        message.head.deadline = None;
        let answer = timeout(Duration::from_secs(20), call(&consumer.channel, message));
        let error = answer.await.unwrap().unwrap_err();
        let text = format!("no plugin serves greeter.greet: {why}");
        assert_eq!(error.message(), text);
    }
    world.rename("away", "repository");
    consumer.until_greeted("^2", "2.0.0", "2.0.0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_is_another() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let stranger = SigningKey::generate(None).unwrap().secret;
    let stranger = SigningKey::open(&stranger, None).unwrap();
    let consumer = Consumer::with(PluginConfig {
        keys: stranger.trusted().unwrap(),
        ..config(&world, "host")
    });
    let why = format!(
        "the signature of the index is refused: it was signed by key {}, and the trusted keys are {}",
        world.repository().key().id(),
        stranger.id()
    );
    unavailable(&consumer, &why).await;
    assert!(world.started().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_may_write_to_the_state_folder() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let state = world.path("state");
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
    let consumer = Consumer::new(&world);
    let error = refused(&consumer).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = format!(
        "[transport.plugin] state: stat {state:?}: the state folder has mode 777, so that others may write to it: make it 700"
    );
    assert_eq!(error.message(), text);
    assert!(world.started().is_empty());
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_names_no_plugin() {
    let world = World::new();
    let consumer = Consumer::new(&world);
    let contract = polywire_contract::Name::from_static("greeter.x");
    let error = consumer.channel.discover(&contract).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.message().contains(
            "say which one serves it by plugins = [\"contract=plugin\"] in [transport.plugin]"
        ),
        "{error}"
    );
}
