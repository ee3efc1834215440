//! A provider of webhooks in this process, a sink without an SDK, and the command beside both.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use polywire::http::{HttpConfig, HttpTransport};
use polywire::webhook::signature::{SignatureHeaders, Verifier};
use polywire::{Context, Polywire, Provided};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long anything here may take.
pub(crate) const SOON: Duration = Duration::from_secs(60);

#[polywire::payload]
pub(crate) struct Shipped {
    pub(crate) order: u64,
}

#[polywire::error]
pub(crate) enum OrdersError {
    #[fallback]
    Other,
}

#[polywire::contract(name = "orders", version = "1.4.0")]
pub(crate) trait Orders {
    async fn count(&self, cx: &Context, of: u64) -> Result<u64, OrdersError>;
    #[event]
    fn shipped(event: Shipped);
}

struct Nothing;

impl Orders for Nothing {
    async fn count(&self, _: &Context, of: u64) -> Result<u64, OrdersError> {
        Ok(of)
    }
}

/// What a sink does.
struct Taking {
    status: Mutex<StatusCode>,
    /// The headers and bodies of what it has accepted.
    taken: watch::Sender<Vec<(HeaderMap, Bytes)>>,
}

/// A sink: it consents, and answers deliveries as it is told.
pub(crate) struct Sink {
    pub(crate) url: String,
    taking: Arc<Taking>,
    serving: JoinHandle<()>,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://{}/hook?token=hunter2",
            listener.local_addr().unwrap()
        );
        let taking = Arc::new(Taking {
            status: Mutex::new(StatusCode::NO_CONTENT),
            taken: watch::Sender::new(Vec::new()),
        });
        let app = Router::new().fallback(take).with_state(taking.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            url,
            taking,
            serving,
        }
    }

    /// Answers deliveries with a status from now on.
    pub(crate) fn answers(&self, status: u16) {
        *self.taking.status.lock() = StatusCode::from_u16(status).unwrap();
    }

    /// The bodies of all deliveries it has accepted, once there are so many.
    pub(crate) async fn taken(&self, count: usize) -> Vec<(HeaderMap, Bytes)> {
        let mut taken = self.taking.taken.subscribe();
        let enough = taken.wait_for(|taken| taken.len() >= count);
        let taken = tokio::time::timeout(SOON, enough).await.unwrap().unwrap();
        assert_eq!(taken.len(), count, "{taken:?}");
        taken.clone()
    }

    /// The numbers of the orders in them, sorted.
    pub(crate) async fn orders(&self, count: usize) -> Vec<u64> {
        let taken = self.taken(count).await.into_iter();
        let order = |(_, body): (_, Bytes)| {
            let event: Value = serde_json::from_slice(&body).unwrap();
            event["data"]["order"].as_u64().unwrap()
        };
        let mut orders: Vec<u64> = taken.map(order).collect();
        orders.sort_unstable();
        orders
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    State(taking): State<Arc<Taking>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method == Method::OPTIONS {
        return (StatusCode::OK, [("webhook-allowed-origin", "*")]).into_response();
    }
    let event: Value = serde_json::from_slice(&body).unwrap();
    if event["type"].as_str().unwrap().ends_with("verify") {
        return event["data"].to_string().into_response();
    }
    let status = *taking.status.lock();
    if status.is_success() && event["type"].as_str().unwrap().ends_with("shipped") {
        taking
            .taken
            .send_modify(|taken| taken.push((headers, body)));
    }
    status.into_response()
}

/// Whether a key has signed a delivery.
pub(crate) fn signed(by: &str, (headers, body): &(HeaderMap, Bytes)) -> bool {
    let key: polywire::webhook::signature::VerifyingKey = by.parse().unwrap();
    let verifier = Verifier::new([key]).unwrap();
    let headers = SignatureHeaders::of(headers).unwrap();
    let now = polywire::webhook::Clock::now(&polywire::webhook::SystemClock);
    verifier.verify(&headers, body, now).is_ok()
}

/// A folder with a `polywire.toml`, in which the command runs.
pub(crate) struct Folder(TempDir);

/// What the config file says in every test.
const CONFIG: &str = "[service]\nname = \"shop\"\n\
    [channel.orders]\ntransport = \"webhook\"\n\
    [channel.local]\ntransport = \"memory\"\n\
    [transport.webhook]\nlisten = \"127.0.0.1:0\"\nretry = [\"1s\"]\n";

impl Folder {
    /// With a store of its own.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With more of `[transport.webhook]`.
    pub(crate) fn with(more: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let more = if more.is_empty() {
            let store = folder.path().join("kept");
            format!("store = {:?}\n", store.to_str().unwrap())
        } else {
            more.to_owned()
        };
        let sinks = "[transport.webhook.sinks]\nallow = [\"127.0.0.0/8\"]\n";
        folder.write(&format!("{CONFIG}{more}{sinks}"));
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, config: &str) {
        std::fs::write(self.path().join("polywire.toml"), config).unwrap();
    }

    /// The command in this folder, split at spaces, with no variable of this process that could mean it.
    pub(crate) async fn run(&self, arguments: &str) -> Ran {
        self.run_with(arguments, &[]).await
    }

    /// The same with variables.
    pub(crate) async fn run_with(&self, arguments: &str, variables: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polywire"));
        command
            .arg("webhook")
            .args(arguments.split(' '))
            .current_dir(self.path())
            .env_clear()
            .envs(variables.iter().copied());
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = tokio::time::timeout(SOON, run).await.unwrap().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What it says as JSON, when all is good.
    pub(crate) async fn json(&self, arguments: &str) -> Value {
        let ran = self.run(&format!("{arguments} --format json")).await;
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{arguments}");
        serde_json::from_str(&ran.out).unwrap()
    }

    /// What is listed, once there is so much.
    pub(crate) async fn listed(&self, arguments: &str, count: usize) -> Vec<Value> {
        let until = Instant::now() + SOON;
        loop {
            let Value::Array(listed) = self.json(arguments).await else {
                panic!("{arguments}: no list")
            };
            if listed.len() == count {
                return listed;
            }
            assert!(Instant::now() < until, "{count} expected: {listed:?}");
        }
    }
}

/// A provider that runs, and a subscription to it.
pub(crate) struct Shop {
    wire: Polywire,
    provided: Provided,
    http: HttpTransport,
    pub(crate) sink: Sink,
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Shop {
    pub(crate) async fn open(folder: &Folder) -> Self {
        let wire = Polywire::load(folder.path().join("polywire.toml")).unwrap();
        let provided = wire.provide("orders", OrdersServer::new(Nothing)).await;
        let provided = provided.unwrap();
        let url = provided.address().await.unwrap();
        let http = HttpConfig {
            urls: vec![url.parse().unwrap()],
            ..HttpConfig::default()
        };
        let http = HttpTransport::new(http, false).unwrap();
        let sink = Sink::start().await;
        let mut shop = Self {
            wire,
            provided,
            http,
            sink,
            id: String::new(),
            secret: String::new(),
        };
        (shop.id, shop.secret) = shop.subscribe("billing").await;
        shop
    }

    /// Subscribes the sink, and gives the id and the key.
    pub(crate) async fn subscribe(&self, group: &str) -> (String, String) {
        let asked = json!({
            "contract": "orders",
            "version": "^1.2",
            "events": ["shipped"],
            "group": group,
            "sink": self.sink.url,
        });
        let made = self.post("/webhooks/subscriptions", &asked).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (id, secret) = (text(&made["id"]), text(&made["keys"][0]["secret"]));
        let path = format!("/webhooks/subscriptions/{id}/verify");
        let verified = self.post(&path, &json!({})).await;
        assert_eq!(verified["state"], "active", "{verified}");
        (id, secret)
    }

    async fn post(&self, path: &str, document: &Value) -> Value {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", "wait=30".parse().unwrap());
        let body = Bytes::from(document.to_string());
        let answer = self.http.request(Method::POST, path, headers, body, false);
        let answer = tokio::time::timeout(SOON, answer).await.unwrap().unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        serde_json::from_slice(answer.body()).unwrap()
    }

    pub(crate) async fn ship(&self, orders: impl IntoIterator<Item = u64>) {
        let publisher: OrdersPublisher = self.provided.publisher().unwrap();
        for order in orders {
            let event = Shipped { order };
            let published = publisher.shipped(&event);
            let published = tokio::time::timeout(SOON, published).await.unwrap();
            published.unwrap();
        }
    }

    pub(crate) async fn close(self) {
        let closed = self.wire.run_until(std::future::ready(()));
        tokio::time::timeout(SOON, closed).await.unwrap().unwrap();
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn good(out: &str) -> Self {
        Self {
            code: Some(0),
            out: out.to_owned(),
            err: String::new(),
        }
    }

    pub(crate) fn bad(out: &str, err: &str) -> Self {
        Self {
            code: Some(1),
            out: out.to_owned(),
            err: err.to_owned(),
        }
    }
}
