//! The processes that are killed: providers, of which one publishes, and a consumer.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use polywire_core::contract::{Contract, InteractionInfo, Name, Requirement, schemars};
use polywire_core::{
    Answer, Bounds, Context, Outcome, Provider, Publisher, Result, Service, Subscription, Transport,
};
use polywire_http::HttpConfig;
use polywire_webhook::guard::Policy;
use polywire_webhook::schedule::{CircuitLimits, EndpointLimits, RetryPlan};
use polywire_webhook::seal::{Keyring, SealingKey};
use polywire_webhook::{StoreConfig, WebhookConfig, WebhookTransport};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::IN_HAND;
use crate::process::{say, setting};
use crate::world::SOON;

/// The process that publishes.
pub(crate) const PUBLISHER: &str = "publisher";
/// A replica of it, which only delivers.
pub(crate) const REPLICA: &str = "replica";
pub(crate) const CONSUMER: &str = "consumer";

/// A directory, or the URL of a database.
pub(super) const STORE: &str = "POLYWIRE_TEST_FAULTS_STORE";
/// What a provider listens on.
pub(super) const LISTEN: &str = "POLYWIRE_TEST_FAULTS_LISTEN";
/// Where a consumer finds the provider.
pub(super) const PROVIDER: &str = "POLYWIRE_TEST_FAULTS_PROVIDER";
/// Where a consumer is found.
pub(super) const PUBLIC: &str = "POLYWIRE_TEST_FAULTS_PUBLIC";
/// Where a consumer writes what it has handled.
pub(super) const FILE: &str = "POLYWIRE_TEST_FAULTS_FILE";
/// Which life of a process it is.
pub(super) const LIFE: &str = "POLYWIRE_TEST_FAULTS_LIFE";

const ORDERS: Name = Name::from_static("orders");
const SHIPPED: Name = Name::from_static("shipped");
/// How many publish at once.
const PUBLISHERS: usize = 4;
/// How often each of them does: what is published is to be handled meanwhile, also on a busy machine.
const PACE: Duration = Duration::from_millis(25);

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Item(u64);

/// Nothing is asked of it.
struct Orders(Arc<Contract>);

impl Provider for Orders {
    fn contract(&self) -> Result<Arc<Contract>> {
        Ok(self.0.clone())
    }

    fn handle<'a>(&'a self, _: &'a Context, body: Bytes) -> BoxFuture<'a, Result<Answer>> {
        let outcome = Outcome::Done;
        async { Ok(Answer { outcome, body }) }.boxed()
    }
}

fn contract() -> Arc<Contract> {
    let builder = Contract::builder("orders", "1.4.0");
    let builder = builder.event::<Item>(InteractionInfo::new("shipped"));
    Arc::new(builder.build().unwrap())
}

/// Whatever fails is tried again, far more often than anybody is killed.
fn config() -> WebhookConfig {
    let store = setting(STORE);
    let keys = SealingKey::new("test", &[7; 32]).unwrap();
    WebhookConfig {
        sinks: Policy::default().allow(&["127.0.0.0/8"]).unwrap(),
        keys: Some(Keyring::new([keys]).unwrap()),
        store: if store.starts_with("postgres") {
            StoreConfig::Postgres(store)
        } else {
            StoreConfig::Directory(store.into())
        },
        retry: RetryPlan::new([Duration::from_secs(1); RetryPlan::MAX_STEPS], 50).unwrap(),
        endpoint: EndpointLimits {
            circuit: CircuitLimits {
                failures: u32::MAX,
                ..CircuitLimits::default()
            },
            ..EndpointLimits::default()
        },
        bounds: Bounds {
            max_attempts: 1000,
            ..Bounds::default()
        },
        ..WebhookConfig::default()
    }
}

/// Serves the contract and delivers; publishes, and says what was accepted, until it is told to be quiet.
pub(crate) async fn provide(mut told: mpsc::UnboundedReceiver<String>, publishes: bool) {
    let listen: SocketAddr = setting(LISTEN).parse().unwrap();
    let config = WebhookConfig {
        http: HttpConfig {
            listen: Some(listen),
            ..HttpConfig::default()
        },
        ..config()
    };
    let transport = WebhookTransport::new(config, None, false).unwrap();
    let channel = transport.channel("orders").await.unwrap();
    let service = Arc::new(Service::new(Orders(contract())).unwrap());
    channel.serve(service.clone()).await.unwrap();
    say(&format!(
        "listens {}",
        transport.local_address().await.unwrap()
    ));
    let mut publishing = JoinSet::new();
    while let Some(line) = told.recv().await {
        match line.as_str() {
            "publish" if publishes => {
                let publisher = Publisher::new(channel.clone(), &service, &contract(), SOON);
                let (publisher, number) = (Arc::new(publisher.unwrap()), Arc::default());
                for _ in 0..PUBLISHERS {
                    publishing.spawn(publish(Arc::clone(&publisher), Arc::clone(&number)));
                }
            }
            "quiet" => {
                publishing.shutdown().await;
                say("quiet -");
            }
            other => panic!("{other:?} is nothing to do"),
        }
    }
}

async fn publish(publisher: Arc<Publisher>, number: Arc<AtomicU64>) {
    let mut pace = tokio::time::interval(PACE);
    loop {
        pace.tick().await;
        let body = number.fetch_add(1, Ordering::Relaxed).to_string();
        let accepted = publisher.publish_bytes(SHIPPED, body.into()).await.unwrap();
        say(&format!("accepted {}", accepted.id));
    }
}

/// Handles events: each is written down durably, then acknowledged.
pub(crate) async fn consume() {
    let config = WebhookConfig {
        http: HttpConfig {
            listen: Some(([127, 0, 0, 1], 0).into()),
            urls: vec![setting(PROVIDER).parse().unwrap()],
            ..HttpConfig::default()
        },
        public_url: Some(setting(PUBLIC)),
        ..config()
    };
    let life = setting(LIFE);
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(setting(FILE));
    let file = Arc::new(Mutex::new(file.unwrap()));
    let transport = WebhookTransport::new(config, None, false).unwrap();
    // What already waits for it comes as soon as it listens.
    let channel = transport.channel("orders").await.unwrap();
    let subscription = Subscription {
        contract: ORDERS,
        event: SHIPPED,
        group: Some(Name::from_static("billing")),
        requirement: Requirement::parse_list(ORDERS, "^1.4").unwrap(),
        prefetch: IN_HAND,
        token: None,
    };
    let subscribing = channel.subscribe(subscription);
    let listening = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        loop {
            look.tick().await;
            if let Some(address) = transport.local_address().await {
                say(&format!("listens {address}"));
                return;
            }
        }
    };
    let (deliveries, ()) = tokio::join!(subscribing, listening);
    let mut deliveries = deliveries.unwrap();
    say("subscribed -");
    let mut handling = JoinSet::new();
    while let Some(delivery) = deliveries.next().await {
        let (life, file) = (life.clone(), file.clone());
        handling.spawn(async move {
            let id = delivery.head.id.clone();
            let number = String::from_utf8(delivery.body.to_vec()).unwrap();
            {
                let mut file = file.lock();
                // In one piece, so that nobody is killed in the middle of a line.
                let line = format!("{life} {id} {number}\n");
                file.write_all(line.as_bytes()).unwrap();
                file.sync_data().unwrap();
            }
            say(&format!("handled {id}"));
            if delivery.ack().await.is_ok() {
                say(&format!("done {id}"));
            }
        });
        while handling.try_join_next().is_some() {}
    }
}
