//! The same over HTTP, where the repository is a web server that serves the folder.

use std::fs;
use std::time::Duration;

use polywire_core::config::{Document, Environment as Variables};
use polywire_core::{Channel, Dispatched, Environment, ErrorKind, Health, TransportFactory};
use polywire_plugin::fetch::{HttpFetcher, HttpRepository, Reader};
use polywire_plugin::publish::{Inspector, Patience};
use polywire_plugin::window::{ManualBootClock, Proof, SystemBootClock};
use polywire_plugin::{PluginConfig, PluginFactory};

use crate::consumer::{Consumer, PATIENCE, WINDOW, config, until};
use crate::web::{Authority, Fault, Web};
use crate::world::{Build, World};

fn over(web: &Web, config: PluginConfig) -> PluginConfig {
    PluginConfig {
        repository: web.repository().into(),
        ..config
    }
}

/// One whose time is the test's, who looks all the time and waits so long for an answer.
fn clocked(world: &World, web: &Web, timeout: Duration) -> (Consumer, ManualBootClock) {
    let mut reading = world.repository().reading(None);
    let http = HttpRepository {
        timeout,
        ..web.repository()
    };
    reading.fetcher = std::sync::Arc::new(HttpFetcher::new(&http).unwrap());
    Consumer::clocked_at(world, &world.path("nowhere"), Reader::new(reading))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_loaded_upgraded_under_way_acknowledged_and_left() {
    let world = World::new();
    let web = Web::new(&world.repository().root());
    let consumer = Consumer::with(over(&web, config(&world, "host")));
    let error = consumer.greet("^1.4").await.unwrap_err();
    let text = format!(
        "no plugin serves greeter.greet: repository {:?} has no release of plugin greeter deployed: \"{}/index/greeter.json\" is not there",
        web.url(),
        web.url()
    );
    assert_eq!(error.message(), text);
    world.release("1.4.0", "1.4.0");
    consumer.until_greeted("^1.4", "1.4.0", "1.4.0").await;
    let upgraded = world.release("1.5.0", "1.5.0");
    consumer.until_greeted("^1.4", "1.5.0", "1.5.0").await;
    assert_eq!(world.started(), ["1.4.0", "1.5.0"]);
    // Whoever deployed it sees so in the folder.
    let inspector =
        Inspector::open(&world.repository().root(), world.repository().trusted()).unwrap();
    let index = world
        .repository()
        .reader()
        .index(&world.repository().plugin)
        .unwrap();
    let patience = Patience {
        window: PATIENCE,
        grace: Duration::ZERO,
        pause: Duration::from_millis(20),
    };
    let waiting = tokio::task::spawn_blocking(move || {
        let wait = inspector.wait(
            &index,
            patience,
            &SystemBootClock,
            std::thread::sleep,
            |_, _| true,
        );
        wait.unwrap()
    });
    let rollout = waiting.await.unwrap();
    assert!(!rollout.window_passed, "{rollout:?}");
    let done: Vec<_> = rollout.done.iter().map(ToString::to_string).collect();
    assert_eq!(done, ["host"], "{rollout:?}");
    let ack = world.ack("host").unwrap();
    assert_eq!(ack.running.get(&1), Some(&upgraded));
    assert_eq!(consumer.channel.health(), Health::Ready);
    consumer.close().await;
    until("the acknowledgement to go", || {
        world.ack("host").is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_ends_the_calls_with_the_window_and_one_that_is_back_lets_them_in() {
    let world = World::new();
    world.release("1.4.0", "1.4.0");
    let mut web = Web::new(&world.repository().root());
    let (consumer, clock) = clocked(&world, &web, PATIENCE);
    consumer.until_greeted("^1", "1.4.0", "1.4.0").await;
    web.down();
    let gone = format!(
        "repository {:?} cannot be reached: Connection refused (os error 111)",
        web.url()
    );
    let gone = Health::Degraded(gone);
    consumer.until_health(|health| *health == gone).await;
    clock.advance(WINDOW - Duration::from_millis(1));
    consumer.until_greeted("^1", "1.4.0", "1.4.0").await;
    clock.advance(Duration::from_millis(1));
    let error = consumer.greet("^1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.dispatched(), Dispatched::No);
    let text = format!(
        "the deployment window of plugin \"greeter\" has expired: repository {:?} was last reached 60.0s ago, ",
        web.url()
    );
    assert!(error.message().starts_with(&text), "{error}");
    web.up();
    // Contacts that have failed are made again after a while.
    clock.advance(WINDOW / 4);
    consumer.until_greeted("^1", "1.4.0", "1.4.0").await;
    consumer
        .until_health(|health| *health == Health::Ready)
        .await;
    assert_eq!(world.started(), ["1.4.0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_server_answers_what_is_loaded_serves_on() {
    let world = World::new();
    world.release("1.4.0", "1.4.0");
    let web = Web::new(&world.repository().root());
    let (consumer, _clock) = clocked(&world, &web, Duration::from_secs(1));
    consumer.until_greeted("^1", "1.4.0", "1.4.0").await;
    let index = fs::read(world.index_file()).unwrap();
    for (fault, says) in [
        (Fault::Status(500), "500 Internal Server Error"),
        (Fault::Hangs, "no answer within 1s"),
        (
            Fault::Instead(vec![b' '; 2 << 20]),
            "has 2097152 bytes: expected at most",
        ),
        (Fault::Endless(None), "bytes: expected at most"),
        (
            Fault::Redirects("https://elsewhere.example/".to_owned()),
            "redirects are not followed",
        ),
        (Fault::Instead(index[1..].to_vec()), "the index"),
    ] {
        let about = format!("{fault:?}");
        web.fault("index/", fault);
        let told =
            |health: &Health| matches!(health, Health::Degraded(text) if text.contains(says));
        consumer.until_health(told).await;
        let (version, body) = consumer.greet("^1").await.unwrap();
        assert_eq!((&*version, &*body), ("1.4.0", "\"1.4.0\""), "{about}");
        web.heal();
        consumer
            .until_health(|health| *health == Health::Ready)
            .await;
    }
    // One that sends the next release by halves.
    web.fault("releases/", Fault::Truncates);
    let next = world.release("1.5.0", "1.5.0");
    let (code, health) = consumer.refuses(&world, &next).await;
    assert_eq!(code, "unreachable");
    assert!(health.contains("the answer broke off"), "{health}");
    let (_, body) = consumer.greet("^1").await.unwrap();
    assert_eq!(body, "\"1.4.0\"");
    assert_eq!(world.started(), ["1.4.0"]);
    web.heal();
    world.deploy(&next);
    consumer.until_greeted("^1", "1.5.0", "1.5.0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_read_alone_takes_the_word_of_its_publisher() {
    let world = World::new();
    world.release("1.4.0", "1.4.0");
    let web = Web::read_only(&world.repository().root());
    let writes = Consumer::with(over(&web, config(&world, "writes")));
    let error = writes.greet("^1").await.unwrap_err();
    let says = "or set proof = \"beacon\", which writes nothing";
    assert!(error.message().ends_with(says), "{error}");
    let reads = Consumer::with(PluginConfig {
        proof: Proof::Beacon {
            skew: Duration::from_secs(5),
        },
        ..over(&web, config(&world, "reads"))
    });
    let error = reads.greet("^1").await.unwrap_err();
    let text = format!(
        "no plugin serves greeter.greet: \"{}/beacons/greeter.json\" is not there, and proof = \"beacon\" takes it",
        web.url()
    );
    assert!(error.message().starts_with(&text), "{error}");
    let plugin = &world.repository().plugin;
    world.publisher().beacon(plugin).unwrap();
    reads.until_greeted("^1", "1.4.0", "1.4.0").await;
    assert_eq!((world.ack("reads"), world.ack("writes")), (None, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_file_of_settings_to_a_call_over_tls() {
    let world = World::new();
    world.publish(&Build::new("1.3.0", "1.3.0"));
    world.release("1.4.0", "1.4.0");
    let authority = Authority::new();
    let web = Web::with_tls(&world.repository().root(), &authority, None);
    let settings = |ca: &Authority, state: &str| {
        format!(
            "[transport.plugin]\nrepository = \"{}\"\nkeys = [\"{}\"]\nstate = {:?}\nplugins = [\"greeter=greeter\"]\ntls = {{ ca = {:?} }}\n",
            web.url(),
            world.repository().key().public(),
            world.path(state),
            ca.file(world.repository().folder.path())
        )
    };
    let environment = Environment {
        service: "shop".to_owned(),
        instance: "1".to_owned(),
        authenticator: None,
    };
    let called = async |text: String| {
        let document = Document::parse("polywire.toml", &text, &Variables::new());
        let section = document
            .root()
            .section_or_empty("transport")
            .section_or_empty("plugin");
        let transport = PluginFactory.build(&section, &environment).unwrap();
        document.finish().unwrap();
        let channel = transport.channel("greeter").await.unwrap();
        let message =
            crate::consumer::message(polywire_core::Kind::Operation, "^1", "greet", b"you");
        let reply = tokio::time::timeout(PATIENCE, channel.call(message))
            .await
            .unwrap();
        transport.close().await.unwrap();
        reply
    };
    let reply = called(settings(&authority, "state")).await.unwrap();
    assert_eq!(&reply.body[..], b"\"1.4.0\"");
    let error = called(settings(&Authority::new(), "other"))
        .await
        .unwrap_err();
    let says = format!(
        "no plugin serves greeter.greet: repository {:?} cannot be reached: invalid peer certificate: UnknownIssuer: tls.ca names the \
         authorities that are trusted, in place of the public ones",
        web.url()
    );
    assert_eq!(error.message(), says);
}
