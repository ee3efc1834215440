//! Both ends of the suite's sample contract, for tests that make things fail in between.

use std::sync::Arc;
use std::time::Duration;

use polywire_amqp::{AmqpChannel, AmqpConfig};
use polywire_core::contract::{Name, Requirement};
use polywire_core::{
    Channel, Deliveries, Health, Policy, Publisher, Result, Service, Session, Subscription,
    Versions, codec,
};
use polywire_testkit::sample::{
    CONTRACT, Edition, Happened1, Happening, Probe, Sample, interaction,
};
use tokio::time::{interval, timeout};

use super::proxy::PATIENCE;

pub(crate) struct Provider {
    pub(crate) channel: Arc<AmqpChannel>,
    pub(crate) service: Arc<Service>,
    pub(crate) probe: Probe,
}

/// Serves versions over a transport of its own.
pub(crate) async fn provider(config: &AmqpConfig, editions: &[Edition]) -> Provider {
    let channel = super::transport(config).unwrap().open();
    let probe = Probe::new(PATIENCE);
    let service = Arc::new(service(editions, &probe));
    within("serving", channel.serve(service.clone()))
        .await
        .unwrap();
    Provider {
        channel,
        service,
        probe,
    }
}

pub(crate) fn service(editions: &[Edition], probe: &Probe) -> Service {
    let mut versions = Versions::new();
    for edition in editions {
        versions = versions.serve(Sample::new(*edition, probe).unwrap());
    }
    Service::new(versions).unwrap().with_instance("replica-1")
}

impl Provider {
    pub(crate) fn publisher(&self, edition: Edition) -> Publisher {
        let contract = edition.contract().unwrap();
        Publisher::new(self.channel.clone(), &self.service, &contract, PATIENCE).unwrap()
    }

    /// Publishes the event of a number.
    pub(crate) async fn publish(&self, number: u64) {
        self.publisher(Edition::V1_4)
            .publish::<Happened1>(&event(1, number))
            .await
            .unwrap();
    }
}

pub(crate) fn session(channel: &Arc<AmqpChannel>, ranges: &str, timeout: Duration) -> Session {
    let requirement = Requirement::parse_list(CONTRACT, ranges).unwrap();
    let policy = Policy {
        timeout,
        ..Policy::default()
    };
    Session::new(
        channel.clone(),
        Edition::V1_4.contract().unwrap(),
        requirement,
        policy,
    )
    .unwrap()
}

pub(crate) fn subscription(ranges: &str, group: Option<&str>, prefetch: usize) -> Subscription {
    Subscription {
        contract: CONTRACT,
        event: interaction::HAPPENED,
        group: group.map(|group| Name::try_from(group).unwrap()),
        requirement: Requirement::parse_list(CONTRACT, ranges).unwrap(),
        prefetch,
        token: None,
    }
}

pub(crate) async fn subscribe(
    channel: &Arc<AmqpChannel>,
    group: &str,
    prefetch: usize,
) -> Result<Deliveries> {
    within(
        "subscribing",
        channel.subscribe(subscription("^1.4", Some(group), prefetch)),
    )
    .await
}

/// Takes the next event, which is that of a number, and is done with it.
pub(crate) async fn take(deliveries: &mut Deliveries, number: u64) {
    let delivery = within("the event", deliveries.next()).await.unwrap();
    let event: Happening = codec::decode(&delivery.body).unwrap();
    assert_eq!(event.number, number);
    delivery.ack().await.unwrap();
}

/// What ends a test that hangs: three deadlines of a publisher, as a broker that starts on a busy machine may use up one.
const BOUND: Duration = PATIENCE.saturating_mul(3);

pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match timeout(BOUND, work).await {
        Ok(done) => done,
        Err(_) => panic!("{what} did not happen within {BOUND:?}"),
    }
}

/// Looks at something again and again until it holds.
pub(crate) async fn until(what: &str, holds: impl FnMut() -> bool) {
    until_or(what, holds, String::new).await;
}

/// The same; `found` says what there was instead.
pub(crate) async fn until_or(
    what: &str,
    mut holds: impl FnMut() -> bool,
    found: impl FnOnce() -> String,
) {
    let mut look = interval(Duration::from_millis(10));
    let held = timeout(BOUND, async {
        while !holds() {
            look.tick().await;
        }
    });
    if held.await.is_err() {
        panic!("{what} did not happen within {BOUND:?}{}", found());
    }
}

pub(crate) async fn until_ready(channel: &Arc<AmqpChannel>) {
    until("readiness", || channel.health() == Health::Ready).await;
}

pub(crate) fn event(publisher: u64, number: u64) -> Happening {
    Happening {
        number,
        publisher,
        text: String::new(),
    }
}

/// Shows with a failed test what the connections and consumers did. Once per process.
pub(crate) fn show_log() {
    // Another test of this process may have begun it.
    let _ = tracing_subscriber::fmt()
        .with_env_filter("polywire_amqp=debug")
        .with_test_writer()
        .try_init();
}
