//! What a hostile peer writes harms nobody.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use polywire_amqp::{AmqpChannel, AmqpConfig, QueueType};
use polywire_core::{Channel, Letter, Session, Shelf, Subscriber};
use polywire_testkit::sample::{Edition, Happened1, Happening, Note, interaction};

use crate::support;
use crate::support::frames::{Handmade, deep_table, large_table};
use crate::support::stage::{Provider, provider, session, until_ready, within};

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

/// Both ends of the sample, with a group.
struct Victim {
    config: AmqpConfig,
    provider: Provider,
    channel: Arc<AmqpChannel>,
    client: Session,
    events: Subscriber<Happening>,
}

impl Victim {
    async fn new(queue_type: QueueType) -> Self {
        let mut config = support::config().unwrap();
        config.queue_type = queue_type;
        let provider = provider(&config, &[Edition::V1_4]).await;
        let channel = support::transport(&config).unwrap().open();
        let client = session(&channel, "^1.4", Duration::from_secs(20));
        let events = client
            .subscribe::<Happening>(interaction::HAPPENED, "billing")
            .await
            .unwrap();
        Self {
            config,
            provider,
            channel,
            client,
            events,
        }
    }

    /// Exchange and key of everything that a peer can write to.
    fn targets(&self) -> [(String, String); 3] {
        let name = |rest| support::name(&self.config, rest);
        [
            (name("evt.conformance"), "v1.happened".to_owned()),
            (String::new(), name("cmd.conformance.v1.0")),
            (String::new(), name("call.conformance.v1.0")),
        ]
    }

    /// That so many messages are set aside at each end, each with a reason, and that good ones are handled.
    async fn lives(&mut self, set_aside: usize) {
        self.provider
            .publisher(Edition::V1_4)
            .publish::<Happened1>(&Happening::number(7))
            .await
            .unwrap();
        let good = within("the good event", self.events.next()).await.unwrap();
        assert_eq!(good.event.number, 7);
        good.ack().await.unwrap();
        for channel in [&self.channel, &self.provider.channel] {
            let letters = letters(channel, set_aside).await;
            assert_eq!(letters.len(), set_aside);
            for letter in letters {
                assert!(
                    !letter.reason.is_empty() && letter.reason != "not said",
                    "{letter:?}"
                );
                assert!(letter.at > SystemTime::UNIX_EPOCH, "{letter:?}");
            }
        }
        let note = Note::done(1);
        let command = self.client.command(interaction::NOTE, &note);
        within("the good command", command).await.unwrap();
        self.provider
            .probe
            .until("the good command", |log| log.finished >= 1)
            .await
            .unwrap();
        let call = self
            .client
            .call(interaction::ECHO, r#"{"text":"a"}"#.into());
        within("the good call", call).await.unwrap();
        until_ready(&self.channel).await;
        until_ready(&self.provider.channel).await;
    }
}

/// Those on both shelves, once there are as many as expected.
async fn letters(channel: &Arc<AmqpChannel>, expected: usize) -> Vec<Letter> {
    let letters = channel.letters().unwrap();
    let mut look = tokio::time::interval(Duration::from_millis(50));
    let looking = async {
        loop {
            look.tick().await;
            let dead = letters.list(Shelf::Dead, 1000).await.unwrap();
            let parked = letters.list(Shelf::Parked, 1000).await.unwrap();
            if dead.len() + parked.len() >= expected {
                return [dead, parked].concat();
            }
        }
    };
    within("all letters", looking).await
}

async fn random_bytes_are_set_aside(queue_type: QueueType) {
    const EACH: usize = 40;
    let mut victim = Victim::new(queue_type).await;
    let raw = support::raw::Raw::connect().await;
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for _ in 0..EACH {
        let body = noise.bytes(300);
        for (exchange, key) in victim.targets() {
            raw.publish(&exchange, &key, hostile(&mut noise), &body)
                .await;
        }
    }
    victim.lives(EACH).await;
}

/// Random bytes and wrong headers on every queue are set aside with a reason, and the next good message is handled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_bytes_on_quorum_queues_are_set_aside() {
    random_bytes_are_set_aside(QueueType::Quorum).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_bytes_on_classic_queues_are_set_aside() {
    random_bytes_are_set_aside(QueueType::Classic).await;
}

/// Headers that fill a frame leave no room for a reason, and are left out where the message is set aside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_as_long_as_a_frame_are_set_aside() {
    for queue_type in [QueueType::Quorum, QueueType::Classic] {
        let mut victim = Victim::new(queue_type).await;
        let mut peer = Handmade::connect().await;
        for (exchange, key) in victim.targets() {
            let properties = Handmade::with_headers(&large_table(130_500));
            assert!(peer.publish(&exchange, &key, &properties).await);
        }
        victim.lives(1).await;
    }
}

/// Tables in tables, as deep as a frame allows, are read no deeper than is good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_nested_without_end_harm_nobody() {
    let mut victim = Victim::new(QueueType::Classic).await;
    let mut peer = Handmade::connect().await;
    for (exchange, key) in victim.targets() {
        for depth in [300, 15_000] {
            let properties = Handmade::with_headers(&deep_table(depth));
            assert!(peer.publish(&exchange, &key, &properties).await);
        }
    }
    victim.lives(2).await;
}

/// Texts that are no UTF-8, which the client library would end the connection over, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_that_are_not_utf8_harm_nobody() {
    let mut victim = Victim::new(QueueType::Classic).await;
    let mut peer = Handmade::connect().await;
    for (exchange, key) in victim.targets() {
        // A message id and a type, then a header whose name is Latin-1.
        let properties = [&[0x00, 0xA0], &b"\x04id-\xff"[..], b"\x05t\xe4\xf6\xfc?"].concat();
        assert!(peer.publish(&exchange, &key, &properties).await);
        let table = b"\0\0\0\x07\x05Gr\xf6\xdfeV";
        assert!(
            peer.publish(&exchange, &key, &Handmade::with_headers(table))
                .await
        );
    }
    victim.lives(2).await;
}

/// Longer headers than a frame holds never arrive: the broker ends the connection of whoever sends them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_beyond_a_frame_reach_nobody() {
    let mut victim = Victim::new(QueueType::Quorum).await;
    for (exchange, key) in victim.targets() {
        let mut peer = Handmade::connect().await;
        let properties = Handmade::with_headers(&large_table(10 << 20));
        assert!(!peer.publish(&exchange, &key, &properties).await);
    }
    victim.lives(0).await;
}

/// A message that names further queues, another user and a time to live is set aside once, and stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_aside_is_one_message_that_stays() {
    let victim = Victim::new(QueueType::Quorum).await;
    let raw = support::raw::Raw::connect().await;
    let [_, (exchange, key), _] = victim.targets();
    let mut headers = FieldTable::default();
    let copies = vec![AMQPValue::LongString(key.as_str().into())];
    headers.insert("CC".into(), AMQPValue::FieldArray(copies.into()));
    let properties = BasicProperties::default()
        .with_headers(headers)
        .with_user_id("guest".into())
        .with_expiration("1000".into());
    // The broker itself copies it once, for the sender.
    raw.publish(&exchange, &key, properties, b"{}").await;
    let mut look = tokio::time::interval(Duration::from_millis(100));
    let begin = Instant::now();
    // Longer than it would have lived.
    while begin.elapsed() < Duration::from_secs(2) {
        look.tick().await;
        assert!(letters(&victim.provider.channel, 1).await.len() <= 2);
    }
    let count = letters(&victim.provider.channel, 1).await.len();
    assert!((1..=2).contains(&count), "{count}");
}
