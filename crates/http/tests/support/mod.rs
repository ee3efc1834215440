//! A small `orders` contract in several versions, served by hand-written providers that count what they run.
#![allow(
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::expect_used
)]

pub mod raw;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use polywire_core::contract::schemars::JsonSchema;
use polywire_core::contract::{
    Contract, ErrorCode, ErrorCodes, InteractionInfo, Name, Requirement,
};
use polywire_core::{
    Answer, ApplicationError, CallError, Channel, Context, Error, ErrorKind, Policy, Provider,
    Publisher, Result, Service, Session, Transport, answer, codec,
};
use polywire_http::{HttpConfig, HttpTransport};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

pub const ORDERS: Name = Name::from_static("orders");
pub const QUOTE: Name = Name::from_static("quote");
pub const CANCEL: Name = Name::from_static("cancel");
pub const SHIPPED: Name = Name::from_static("shipped");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "polywire_core::contract::schemars")]
pub struct Quote {
    pub item: String,
    #[serde(default)]
    pub fill: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "polywire_core::contract::schemars")]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum OrdersError {
    SoldOut {
        item: String,
    },
    #[serde(other)]
    Unknown,
}

impl std::fmt::Display for OrdersError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl ErrorCodes for OrdersError {
    fn codes() -> Vec<ErrorCode> {
        vec![ErrorCode::new("sold_out", None)]
    }
}

impl ApplicationError for OrdersError {
    fn code(&self) -> Name {
        Name::from_static("sold_out")
    }
}

/// What a provider saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub calls: AtomicUsize,
    pub commands: AtomicUsize,
    pub cancelled: AtomicUsize,
    pub changed: Notify,
    pub release: Notify,
}

impl Seen {
    fn note(&self, counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Waits, within a bound, until a counter has reached a number.
    pub async fn until(&self, counter: &AtomicUsize, least: usize) {
        let reached = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if counter.load(Ordering::SeqCst) >= least {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reached)
            .await
            .expect("the counter reaches the number in time");
    }
}

/// One version of `orders`. `quote` answers what it was asked; some items mean something.
#[derive(Debug)]
pub struct Orders {
    contract: Arc<Contract>,
    pub seen: Arc<Seen>,
}

impl Orders {
    pub fn new(version: &'static str) -> Self {
        Self {
            contract: contract(version),
            seen: Arc::default(),
        }
    }
}

fn info(name: &'static str) -> InteractionInfo {
    InteractionInfo::new(name)
}

pub fn contract(version: &'static str) -> Arc<Contract> {
    let builder = Contract::builder("orders", version)
        .operation::<Quote, Quote, OrdersError>(info("quote"))
        .command::<Quote, OrdersError>(info("cancel"))
        .event::<Quote>(info("shipped"));
    Arc::new(builder.build().unwrap())
}

impl Provider for Orders {
    fn contract(&self) -> Result<Arc<Contract>> {
        Ok(self.contract.clone())
    }

    fn handle<'a>(&'a self, cx: &'a Context, body: Bytes) -> BoxFuture<'a, Result<Answer>> {
        async move {
            match cx.head().interaction.as_str() {
                "quote" => {
                    self.seen.note(&self.seen.calls);
                    let quote: Quote = codec::decode(&body)?;
                    match quote.item.as_str() {
                        "none" => {
                            answer::<Quote, _>(Err(OrdersError::SoldOut { item: quote.item }))
                        }
                        "panic" => panic!("asked to"),
                        "large" => answer::<_, OrdersError>(Ok(Quote {
                            item: quote.item,
                            fill: "x".repeat(2000),
                        })),
                        "version" => answer::<_, OrdersError>(Ok(Quote {
                            item: cx.version().to_string(),
                            fill: String::new(),
                        })),
                        "context" => {
                            let fill = format!(
                                "{:?} {:?} {:?} {:?} {}",
                                cx.head().id,
                                cx.idempotency_key(),
                                cx.head().ordering_key,
                                cx.metadata().get("tenant"),
                                cx.trace().map(ToString::to_string).unwrap_or_default()
                            );
                            answer::<_, OrdersError>(Ok(Quote {
                                item: "context".to_owned(),
                                fill,
                            }))
                        }
                        "wait" => {
                            let guard = Guard(&self.seen);
                            self.seen.release.notified().await;
                            std::mem::forget(guard);
                            answer::<_, OrdersError>(Ok(quote))
                        }
                        _ => answer::<_, OrdersError>(Ok(quote)),
                    }
                }
                "cancel" => {
                    let quote: Quote = codec::decode(&body)?;
                    if quote.item == "wait" {
                        self.seen.release.notified().await;
                    }
                    self.seen.note(&self.seen.commands);
                    if quote.item == "none" {
                        return answer::<(), _>(Err(OrdersError::SoldOut { item: quote.item }));
                    }
                    answer::<(), OrdersError>(Ok(()))
                }
                other => Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("no interaction {other}"),
                )),
            }
        }
        .boxed()
    }
}

struct Guard<'a>(&'a Seen);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.note(&self.0.cancelled);
    }
}

/// A provider on a free port of loopback.
pub struct Served {
    pub transport: HttpTransport,
    pub channel: Arc<dyn Channel>,
    pub service: Arc<Service>,
    pub seen: Arc<Seen>,
    pub address: std::net::SocketAddr,
}

impl Served {
    pub fn publisher(&self, version: &'static str) -> Publisher {
        Publisher::new(
            self.channel.clone(),
            &self.service,
            &contract(version),
            Duration::from_secs(5),
        )
        .unwrap()
    }

    /// Publishes a quote as `shipped`.
    pub async fn ship(&self, version: &'static str, item: &str) {
        self.publisher(version)
            .publish_bytes(SHIPPED, codec::encode(&quote(item)).unwrap())
            .await
            .unwrap();
    }
}

pub fn local() -> HttpConfig {
    HttpConfig {
        listen: Some(([127, 0, 0, 1], 0).into()),
        ..HttpConfig::default()
    }
}

pub async fn serve(version: &'static str) -> Served {
    serve_with(version, local()).await
}

pub async fn serve_with(version: &'static str, config: HttpConfig) -> Served {
    let orders = Orders::new(version);
    let seen = orders.seen.clone();
    serve_service(
        Service::new(orders).unwrap().with_instance(version),
        seen,
        config,
    )
    .await
}

pub async fn serve_service(service: Service, seen: Arc<Seen>, config: HttpConfig) -> Served {
    let transport = HttpTransport::new(config, service.is_authenticated()).unwrap();
    let channel = transport.channel("orders").await.unwrap();
    let service = Arc::new(service);
    channel.serve(service.clone()).await.unwrap();
    let address = transport.local_address().await.unwrap();
    Served {
        transport,
        channel,
        service,
        seen,
        address,
    }
}

pub fn consumer_config(address: std::net::SocketAddr) -> HttpConfig {
    HttpConfig {
        urls: vec![format!("http://{address}").parse().unwrap()],
        ..HttpConfig::default()
    }
}

pub async fn consumer(config: HttpConfig) -> Arc<dyn Channel> {
    HttpTransport::new(config, false)
        .unwrap()
        .channel("orders")
        .await
        .unwrap()
}

/// A session generated from a version, requiring a range.
pub async fn session(address: std::net::SocketAddr, version: &'static str, range: &str) -> Session {
    session_over(consumer(consumer_config(address)).await, version, range)
}

pub fn session_over(channel: Arc<dyn Channel>, version: &'static str, range: &str) -> Session {
    let requirement = Requirement::parse_list(ORDERS, range).unwrap();
    Session::new(channel, contract(version), requirement, Policy::default()).unwrap()
}

/// The error that a quote ends with, which is not the application's own.
pub async fn refusal_of(session: &Session, item: &str) -> Error {
    let answer = session
        .request::<_, Quote, OrdersError>(QUOTE, &quote(item))
        .await;
    match answer {
        Err(CallError::Wire(error)) => error,
        other => panic!("{other:?}"),
    }
}

pub fn quote(item: &str) -> Quote {
    Quote {
        item: item.to_owned(),
        fill: String::new(),
    }
}
