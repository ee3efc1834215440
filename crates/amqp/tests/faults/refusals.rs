//! What waiting cannot mend is an error that says so.

use std::time::{Duration, Instant};

use polywire_amqp::{AmqpConfig, QueueType};
use polywire_core::{Channel, ErrorKind, Health};
use polywire_testkit::sample::{Edition, interaction};

use crate::support;
use crate::support::proxy::{Mode, Proxy};
use crate::support::stage::{provider, session, subscribe, until};

/// Settings with a url that is not the test broker's own.
fn at(url: &str) -> AmqpConfig {
    let mut config = support::config().unwrap();
    config.urls = vec![url.parse().unwrap()];
    config
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_told_at_once_and_never_shown() {
    let address = support::proxy::broker_address();
    let config = at(&format!("amqp://guest:hunter2@{address}/%2f"));
    let channel = support::transport(&config).unwrap().open();
    let start = Instant::now();
    let error = session(&channel, "^1.4", Duration::from_secs(20))
        .call(interaction::ECHO, "{}".into())
        .await
        .unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    assert!(error.to_string().contains("refused the login"), "{error}");
    assert!(!format!("{error:?} {:?} {channel:?}", channel.health()).contains("hunter2"));
    let error = subscribe(&channel, "billing", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_vhost_is_told_at_once() {
    let address = support::proxy::broker_address();
    let config = at(&format!("amqp://guest:guest@{address}/nowhere"));
    let channel = support::transport(&config).unwrap().open();
    let error = subscribe(&channel, "billing", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(error.to_string().contains("refused the vhost"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_topology_is_told_with_the_argument_that_differs() {
    let config = support::config().unwrap();
    let channel = support::transport(&config).unwrap().open();
    let _held = subscribe(&channel, "billing", 1).await.unwrap();
    let mut classic = config.clone();
    classic.queue_type = QueueType::Classic;
    let mut bounded = config.clone();
    bounded.queue_messages = Some(5);
    for (other, difference) in [
        // The shelves come first, and have nothing else to differ in.
        (classic, "x-queue-type: quorum there, classic here"),
        (bounded, "x-max-length: none there, 5 here"),
    ] {
        let channel = support::transport(&other).unwrap().open();
        let error = subscribe(&channel, "billing", 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
        let text = format!("differs in {difference}");
        assert!(error.to_string().contains(&text), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_overloaded_at_the_deadline() {
    let mut config = support::config().unwrap();
    config.queue_messages = Some(5);
    let channel = support::transport(&config).unwrap().open();
    let client = session(&channel, "^1.4", Duration::from_secs(2));
    let mut refused = None;
    for number in 0..200 {
        let note = polywire_testkit::sample::Note::done(number);
        if let Err(error) = client.command(interaction::NOTE, &note).await {
            refused = Some(error);
            break;
        }
    }
    let error = refused.unwrap();
    assert!(
        [ErrorKind::Overloaded, ErrorKind::DeadlineExceeded].contains(&error.kind()),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_beyond_a_frame_are_refused_here() {
    let config = support::config().unwrap();
    let provider = provider(&config, &[Edition::V1_4]).await;
    let options = polywire_core::CallOptions::new().idempotency_key("k".repeat(200_000));
    let client = session(&provider.channel, "^1.4", Duration::from_secs(10)).with(options);
    let error = client
        .call(interaction::ECHO, "{}".into())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
    let error = client
        .command(interaction::NOTE, &polywire_testkit::sample::Note::done(1))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
    assert_eq!(provider.channel.health(), Health::Ready);
}

/// A broker that refuses us is not asked again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_starts_no_storm() {
    let proxy = Proxy::start(Mode::Pass).await;
    let config = at(&format!("amqp://guest:wrong@{}/%2f", proxy.address));
    let channel = support::transport(&config).unwrap().open();
    until(
        "the refusal",
        || matches!(channel.health(), Health::Degraded(why) if why.contains("refused the login")),
    )
    .await;
    for _ in 0..20 {
        let error = subscribe(&channel, "billing", 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    }
    // One attempt of each of two connections.
    let more = tokio::time::timeout(
        Duration::from_secs(3),
        until("a storm", || proxy.links() > 2),
    );
    assert!(more.await.is_err());
}
