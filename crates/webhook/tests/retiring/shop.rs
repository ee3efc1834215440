//! A provider of two majors, and consumers of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Response};
use jiff::Timestamp;
use polywire_core::contract::{Contract, InteractionInfo, Name, Requirement, Version, schemars};
use polywire_core::{
    Answer, Channel, Context, Deliveries, Deprecation, Error, ErrorKind, Head, Kind, Message,
    MessageId, Provider, Result, Service, Stamp, Subscription, Transport, Versions,
};
use polywire_http::{HttpConfig, HttpTransport};
use polywire_webhook::guard::Policy;
use polywire_webhook::schedule::RetryPlan;
use polywire_webhook::{StoreConfig, WebhookConfig, WebhookTransport};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

const ORDERS: Name = Name::from_static("orders");
const SHIPPED: Name = Name::from_static("shipped");
pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const OLD: Version = Version::new(1, 4, 0);
pub(crate) const NEW: Version = Version::new(2, 1, 0);
const SUBSCRIPTIONS: &str = "/webhooks/subscriptions";

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Item(u64);

struct Orders(Arc<Contract>);

impl Provider for Orders {
    fn contract(&self) -> Result<Arc<Contract>> {
        Ok(self.0.clone())
    }

    fn handle<'a>(&'a self, _: &'a Context, _: Bytes) -> BoxFuture<'a, Result<Answer>> {
        async { Err(Error::new(ErrorKind::Unsupported, "nothing is called here")) }.boxed()
    }
}

fn provider(version: &'static str) -> Orders {
    let builder = Contract::builder("orders", version);
    let builder = builder.event::<Item>(InteractionInfo::new("shipped"));
    Orders(Arc::new(builder.build().unwrap()))
}

/// Both majors, the older one until a time.
pub(crate) fn both(sunset: Timestamp) -> Service {
    let deprecation = Deprecation {
        since: Some("2026-01-01T00:00:00Z".into()),
        sunset: Some(sunset.to_string()),
        link: Some("https://shop.example/orders-1".into()),
    };
    let versions = Versions::new()
        .serve_deprecated(provider("1.4.0"), deprecation)
        .serve(provider("2.1.0"));
    Service::new(versions).unwrap()
}

/// The newer major alone.
pub(crate) fn newer() -> Service {
    Service::new(Versions::new().serve(provider("2.1.0"))).unwrap()
}

fn config(store: &TempDir) -> WebhookConfig {
    WebhookConfig {
        http: HttpConfig {
            listen: Some(([127, 0, 0, 1], 0).into()),
            ..HttpConfig::default()
        },
        sinks: Policy::default().allow(&["127.0.0.0/8"]).unwrap(),
        store: StoreConfig::Directory(store.path().into()),
        // So that nothing is given up while an endpoint is down, and all of it is tried soon when that is back.
        retry: RetryPlan::new([Duration::from_secs(1); 20], 0).unwrap(),
        ..WebhookConfig::default()
    }
}

/// The provider, and what it has published.
pub(crate) struct Shop {
    pub(crate) channel: Arc<dyn Channel>,
    service: parking_lot::Mutex<Arc<Service>>,
    asking: HttpTransport,
    url: String,
    pub(crate) published: AtomicU64,
    _store: TempDir,
}

impl Shop {
    pub(crate) async fn open(service: Service) -> Self {
        let store = tempfile::tempdir().unwrap();
        let transport = WebhookTransport::new(config(&store), None, false).unwrap();
        let channel = transport.channel("orders").await.unwrap();
        let service = Arc::new(service);
        channel.serve(service.clone()).await.unwrap();
        let url = format!("http://{}", transport.local_address().await.unwrap());
        let config = HttpConfig {
            urls: vec![url.parse().unwrap()],
            ..HttpConfig::default()
        };
        Self {
            channel,
            service: parking_lot::Mutex::new(service),
            asking: HttpTransport::new(config, false).unwrap(),
            url,
            published: AtomicU64::new(0),
            _store: store,
        }
    }

    pub(crate) async fn serve(&self, service: Service) {
        let service = Arc::new(service);
        *self.service.lock() = service.clone();
        self.channel.serve(service).await.unwrap();
    }

    /// Publishes the next order at every version that is served, as the core's publisher does.
    pub(crate) async fn ship(&self) {
        let number = self.published.fetch_add(1, Ordering::Relaxed) + 1;
        let service = self.service.lock().clone();
        let offered = service.offer().versions();
        let all: Arc<[Version]> = offered.iter().map(|one| one.version.clone()).collect();
        let id = MessageId::random();
        for one in offered {
            let mut head = Head::with_id(id.clone(), Kind::Event, ORDERS, SHIPPED);
            head.stamp = Some(Arc::new(Stamp::of(one, service.offer())));
            head.copies = (all.len() > 1).then(|| all.clone());
            head.ordering_key = Some("customer-7".into());
            let message = Message::new(head, Bytes::from(number.to_string()));
            self.channel.publish(message).await.unwrap();
        }
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Response<Bytes> {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", HeaderValue::from_static("wait=20"));
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let path = format!("{SUBSCRIPTIONS}{path}");
        let asked = self.asking.request(method, &path, headers, body, false);
        timeout(SOON, asked).await.unwrap().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, None).await;
        assert_eq!(answer.status(), 200, "{:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    }

    /// The subscriptions, by their groups.
    pub(crate) async fn subscriptions(&self) -> BTreeMap<String, Value> {
        let list = self.get("").await;
        let list = list["subscriptions"].as_array().unwrap().clone();
        let group = |one: Value| (one["group"].as_str().unwrap().to_owned(), one);
        list.into_iter().map(group).collect()
    }

    /// Has a subscription go on at the next major.
    pub(crate) async fn upgrade(&self, subscription: &Value) {
        let path = format!("/{}/upgrade", subscription["id"].as_str().unwrap());
        let body = json!({"version": "^2", "strategy": "now"});
        let answer = self.ask(Method::POST, &path, Some(body)).await;
        let document: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(
            (&document["state"], &document["version"]),
            (&json!("active"), &json!("2.1.0")),
            "{document}"
        );
    }
}

/// A process of a consumer.
pub(crate) async fn consumer(shop: &Shop, store: &TempDir) -> Arc<dyn Channel> {
    let mut config = config(store);
    config.http.urls = vec![shop.url.parse().unwrap()];
    let transport = WebhookTransport::new(config, None, false).unwrap();
    transport.channel("orders").await.unwrap()
}

pub(crate) async fn join(
    channel: &Arc<dyn Channel>,
    group: &'static str,
    takes: &str,
) -> Deliveries {
    let subscription = Subscription {
        contract: ORDERS,
        event: SHIPPED,
        group: Some(Name::from_static(group)),
        requirement: Requirement::parse_list(ORDERS, takes).unwrap(),
        prefetch: 8,
        token: None,
    };
    let joined = timeout(SOON, channel.subscribe(subscription)).await;
    joined.unwrap().unwrap()
}
