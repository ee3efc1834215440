//! What waiting cannot mend is an error that says so, and what a hostile peer writes harms nobody.

mod support;

use std::time::{Duration, Instant};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use polywire_amqp::QueueType;
use polywire_core::{Channel, ErrorKind, Shelf};
use polywire_testkit::sample::{Edition, Happened1, Happening, interaction};
use support::stage::{provider, session, subscribe, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_told_at_once_and_never_shown() {
    let mut config = support::config().unwrap();
    let address = support::proxy::broker_address();
    config.urls = vec![
        format!("amqp://guest:hunter2@{address}/%2f")
            .parse()
            .unwrap(),
    ];
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
    let mut config = support::config().unwrap();
    let address = support::proxy::broker_address();
    config.urls = vec![
        format!("amqp://guest:guest@{address}/nowhere")
            .parse()
            .unwrap(),
    ];
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
    let mut other = config.clone();
    other.queue_type = QueueType::Classic;
    let channel = support::transport(&other).unwrap().open();
    let error = subscribe(&channel, "billing", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(error.to_string().contains("differs in"), "{error}");
    assert!(error.to_string().contains(" there, "), "{error}");
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

/// A generator of bytes, the same on every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn coin(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let length = self.next() % most;
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

fn hostile(noise: &mut Noise) -> BasicProperties {
    let keys = [
        "contract",
        "contract-version",
        "contract-require",
        "contract-digest",
        "contract-attempt",
        "contract-returns",
        "contract-token",
        "traceparent",
        "contract-meta-a",
        "contract-meta-\u{7f}",
        "cloudEvents_id",
        "x-delivery-count",
    ];
    let mut headers = FieldTable::default();
    for key in keys {
        let value = match noise.next() % 6 {
            0 => continue,
            1 => AMQPValue::LongString(noise.bytes(64).into()),
            2 => AMQPValue::LongLongInt(i64::from_ne_bytes(noise.next().to_ne_bytes())),
            3 => AMQPValue::FieldArray(FieldArray::default()),
            4 => AMQPValue::Boolean(true),
            _ => AMQPValue::LongString(vec![b'x'; 20_000].into()),
        };
        headers.insert(key.into(), value);
    }
    let mut properties = BasicProperties::default().with_headers(headers);
    if noise.coin() {
        properties = properties.with_content_type("x/y;;".into());
    }
    if noise.coin() {
        properties = properties.with_type("No Such Thing".into());
    }
    if noise.coin() {
        properties = properties.with_message_id("a\nb".into());
    }
    if noise.coin() {
        properties = properties
            .with_expiration("600000".into())
            .with_reply_to("nobody".into());
    }
    properties
}

/// Random bytes and wrong headers on every queue are set aside with a reason, and the next good message is handled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_messages_are_set_aside() {
    const EACH: usize = 40;
    let config = support::config().unwrap();
    let provider = provider(&config, &[Edition::V1_4]).await;
    let channel = support::transport(&config).unwrap().open();
    let client = session(&channel, "^1.4", Duration::from_secs(20));
    let mut events = client
        .subscribe::<Happening>(interaction::HAPPENED, "billing")
        .await
        .unwrap();
    let namespace = config.namespace.clone().unwrap();
    let raw = support::raw::Raw::connect().await;
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for _ in 0..EACH {
        let body = noise.bytes(300);
        raw.publish(
            &format!("{namespace}.evt.conformance"),
            "v1.happened",
            hostile(&mut noise),
            &body,
        )
        .await;
        raw.publish(
            "",
            &format!("{namespace}.cmd.conformance.v1.0"),
            hostile(&mut noise),
            &body,
        )
        .await;
        raw.publish(
            "",
            &format!("{namespace}.call.conformance.v1.0"),
            hostile(&mut noise),
            &body,
        )
        .await;
    }
    provider
        .publisher(Edition::V1_4)
        .publish::<Happened1>(&Happening::number(7))
        .await
        .unwrap();
    let good = within("the good event", events.next()).await.unwrap();
    assert_eq!(good.event.number, 7);
    good.ack().await.unwrap();
    let set_aside = |end: &std::sync::Arc<polywire_amqp::AmqpChannel>| {
        let letters = end.letters().unwrap();
        async move {
            let mut look = tokio::time::interval(Duration::from_millis(50));
            within("all letters", async {
                loop {
                    look.tick().await;
                    let dead = letters.list(Shelf::Dead, 1000).await.unwrap();
                    let parked = letters.list(Shelf::Parked, 1000).await.unwrap();
                    if dead.len() + parked.len() >= EACH {
                        return [dead, parked].concat();
                    }
                }
            })
            .await
        }
    };
    for letters in [
        set_aside(&channel).await,
        set_aside(&provider.channel).await,
    ] {
        assert_eq!(letters.len(), EACH);
        assert!(
            letters
                .iter()
                .all(|letter| !letter.reason.is_empty() && letter.reason != "not said")
        );
    }
    assert_eq!(provider.channel.health(), polywire_core::Health::Ready);
    client
        .command(interaction::NOTE, &polywire_testkit::sample::Note::done(1))
        .await
        .unwrap();
    provider
        .probe
        .until("the good command", |log| log.finished >= 1)
        .await
        .unwrap();
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
    assert_eq!(provider.channel.health(), polywire_core::Health::Ready);
}
