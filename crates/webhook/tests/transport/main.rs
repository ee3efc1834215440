//! Both ends of the transport as its users make them: what the suite does not ask.
#![allow(clippy::unwrap_used)]

mod offered;
mod operator;
mod recall;
#[path = "../server/sink.rs"]
#[allow(
    dead_code,
    clippy::expect_used,
    reason = "of which others use more, and which fails a test that cannot go on"
)]
mod sink;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method};
use polywire_core::contract::{Contract, InteractionInfo, Name, Requirement, schemars};
use polywire_core::{
    Answer, Channel, Context, Deliveries, Dispatched, ErrorKind, Head, Kind, Message, NoError,
    Outcome, Provider, Publisher, Result, Service, Subscription, Transport,
};
use polywire_http::{HttpConfig, HttpTransport};
use polywire_webhook::guard::Policy;
use polywire_webhook::{StoreConfig, WebhookConfig, WebhookTransport};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;

const ORDERS: Name = Name::from_static("orders");
const QUOTE: Name = Name::from_static("quote");
const SHIPPED: Name = Name::from_static("shipped");
const SOON: Duration = Duration::from_secs(20);

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Item(u64);

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
    let builder = Contract::builder("orders", "1.4.0")
        .operation::<Item, Item, NoError>(InteractionInfo::new("quote"))
        .event::<Item>(InteractionInfo::new("shipped"));
    Arc::new(builder.build().unwrap())
}

struct Served {
    transport: WebhookTransport,
    channel: Arc<dyn Channel>,
    service: Arc<Service>,
    store: TempDir,
}

fn config(store: &TempDir) -> WebhookConfig {
    WebhookConfig {
        http: HttpConfig {
            listen: Some(([127, 0, 0, 1], 0).into()),
            ..HttpConfig::default()
        },
        sinks: Policy::default().allow(&["127.0.0.0/8"]).unwrap(),
        store: StoreConfig::Directory(store.path().into()),
        ..WebhookConfig::default()
    }
}

async fn serve(change: impl FnOnce(&mut WebhookConfig)) -> Served {
    let store = tempfile::tempdir().unwrap();
    let mut config = config(&store);
    change(&mut config);
    let transport = WebhookTransport::new(config, None, false).unwrap();
    let channel = transport.channel("orders").await.unwrap();
    let service = Arc::new(Service::new(Orders(contract())).unwrap());
    channel.serve(service.clone()).await.unwrap();
    Served {
        transport,
        channel,
        service,
        store,
    }
}

impl Served {
    async fn url(&self) -> String {
        format!("http://{}", self.transport.local_address().await.unwrap())
    }

    async fn consumer(&self, store: &TempDir) -> Arc<dyn Channel> {
        let mut config = config(store);
        config.http.urls = vec![self.url().await.parse().unwrap()];
        let transport = WebhookTransport::new(config, None, false).unwrap();
        transport.channel("orders").await.unwrap()
    }

    async fn ship(&self, number: u64) {
        let publisher = Publisher::new(self.channel.clone(), &self.service, &contract(), SOON);
        let body = Bytes::from(number.to_string());
        publisher
            .unwrap()
            .publish_bytes(SHIPPED, body)
            .await
            .unwrap();
    }
}

fn call() -> Message {
    let mut head = Head::new(Kind::Operation, ORDERS, QUOTE);
    head.requirement = Some(Requirement::parse_list(ORDERS, "^1.4").unwrap());
    Message::new(head, Bytes::from_static(b"7"))
}

async fn subscribe(consumer: &Arc<dyn Channel>) -> Deliveries {
    join(consumer, "billing").await
}

async fn join(consumer: &Arc<dyn Channel>, group: &'static str) -> Deliveries {
    let subscription = Subscription {
        contract: ORDERS,
        event: SHIPPED,
        group: Some(Name::from_static(group)),
        requirement: Requirement::parse_list(ORDERS, "^1.4").unwrap(),
        prefetch: 8,
        token: None,
    };
    consumer.subscribe(subscription).await.unwrap()
}

async fn next(deliveries: &mut Deliveries) -> String {
    let delivery = timeout(SOON, deliveries.next()).await.unwrap().unwrap();
    let text = String::from_utf8(delivery.body.to_vec()).unwrap();
    delivery.ack().await.unwrap();
    text
}

#[tokio::test]
async fn a_consumer_that_starts_again_elsewhere_gets_what_it_missed() {
    let served = serve(|_| {}).await;
    let store = tempfile::tempdir().unwrap();
    let consumer = served.consumer(&store).await;
    let mut deliveries = subscribe(&consumer).await;
    served.ship(1).await;
    assert_eq!(next(&mut deliveries).await, "1");
    drop(deliveries);
    consumer.close().await.unwrap();
    served.ship(2).await;
    // On another port, with the same store: the same subscription, whose deliveries go there from now on.
    let again = served.consumer(&store).await;
    let mut deliveries = subscribe(&again).await;
    served.ship(3).await;
    let mut found = [next(&mut deliveries).await, next(&mut deliveries).await];
    found.sort();
    assert_eq!(found, ["2", "3"]);
    again.close().await.unwrap();
    served.channel.close().await.unwrap();
}

/// A handler that never ends.
struct Endless(mpsc::UnboundedSender<()>);

impl Provider for Endless {
    fn contract(&self) -> Result<Arc<Contract>> {
        Ok(contract())
    }

    fn handle<'a>(&'a self, _: &'a Context, _: Bytes) -> BoxFuture<'a, Result<Answer>> {
        self.0.send(()).unwrap();
        std::future::pending().boxed()
    }
}

#[tokio::test]
async fn a_call_that_runs_when_its_provider_is_closed_ends_with_it() {
    let served = serve(|_| {}).await;
    let (begun, mut begins) = mpsc::unbounded_channel();
    let endless = Service::new(Endless(begun)).unwrap();
    served.channel.serve(Arc::new(endless)).await.unwrap();
    let store = tempfile::tempdir().unwrap();
    let consumer = served.consumer(&store).await;
    let caller = consumer.clone();
    let calling = tokio::spawn(async move { caller.call(call()).await });
    timeout(SOON, begins.recv()).await.unwrap().unwrap();
    served.channel.close().await.unwrap();
    let called = timeout(SOON, calling).await.unwrap().unwrap();
    let error = called.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(error.dispatched(), Dispatched::Maybe);
    let closed = "the provider was closed while the handler ran";
    assert!(error.message().contains(closed), "{error}");
    consumer.close().await.unwrap();
}

#[tokio::test]
async fn callers_of_a_tenant_are_bounded() {
    let served = serve(|config| config.max_subscriptions = 1).await;
    let stores = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = served.consumer(&stores[0]).await;
    let second = served.consumer(&stores[1]).await;
    for _ in 0..2 {
        assert_eq!(first.call(call()).await.unwrap().body, "7");
    }
    let error = second.call(call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
    assert!(error.message().contains("has 1 callers"), "{error}");
    assert_eq!(first.call(call()).await.unwrap().body, "7");
    for channel in [first, second, served.channel] {
        channel.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_sink_that_is_not_allowed_is_refused_without_its_address() {
    let served = serve(|config| config.sinks = Policy::default()).await;
    let store = tempfile::tempdir().unwrap();
    let consumer = served.consumer(&store).await;
    let error = consumer.call(call()).await.unwrap_err();
    assert!(error.message().starts_with("sink: "), "{error}");
    assert!(!error.message().contains("127.0.0.1"), "{error}");
    consumer.close().await.unwrap();
    served.channel.close().await.unwrap();
}

#[tokio::test]
async fn a_consumer_has_to_listen() {
    let served = serve(|_| {}).await;
    let store = tempfile::tempdir().unwrap();
    let mut config = config(&store);
    config.http.listen = None;
    config.http.urls = vec![served.url().await.parse().unwrap()];
    let transport = WebhookTransport::new(config, None, false).unwrap();
    let consumer = transport.channel("orders").await.unwrap();
    let error = consumer.call(call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("listen = "), "{error}");
    consumer.close().await.unwrap();
    served.channel.close().await.unwrap();
}

#[tokio::test]
async fn what_nobody_has_signed_is_refused() {
    let served = serve(|_| {}).await;
    let http = HttpTransport::new(
        HttpConfig {
            urls: vec![served.url().await.parse().unwrap()],
            ..HttpConfig::default()
        },
        false,
    )
    .unwrap();
    let signed = |id: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", HeaderValue::from_static("a"));
        let now = polywire_webhook::Clock::now(&polywire_webhook::SystemClock);
        headers.insert("webhook-timestamp", HeaderValue::from(now.as_second()));
        headers.insert(
            "webhook-signature",
            HeaderValue::from_static("v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        );
        headers.insert("webhook-subscription", HeaderValue::from_static(id));
        headers
    };
    for (path, headers, status, unknown) in [
        ("/webhooks/requests", HeaderMap::new(), 400, false),
        ("/webhooks/requests", signed("sub_nobody"), 401, true),
        ("/webhooks/hooks/nobody", HeaderMap::new(), 400, false),
        ("/webhooks/hooks/nobody", signed("sub_nobody"), 401, false),
        ("/webhooks/nothing", HeaderMap::new(), 404, false),
    ] {
        let body = Bytes::from_static(b"{}");
        let answer = http.request(Method::POST, path, headers, body, false);
        let answer = answer.await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(
            answer.headers().contains_key("webhook-caller"),
            unknown,
            "{path}"
        );
    }
    served.channel.close().await.unwrap();
}
