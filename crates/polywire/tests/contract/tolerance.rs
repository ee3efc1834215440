//! Unknown fields and variants of a later version, and contracts that would not tolerate them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use polywire::{Context, ContractClient, ErrorKind, Publisher, Session};
use polywire_core::contract::{Contract, Name, Requirement};
use polywire_core::memory::{Hub, MemoryChannel};
use polywire_core::{Answer, Bounds, Channel, Outcome, Policy, Provider, Result, Service};
use tokio::time::timeout;

use crate::orders::{OrderShipped, OrdersClient, OrdersError, Quote, QuoteRequest, Shipping, Size};

const BOUND: Duration = Duration::from_secs(10);

/// A provider of the same contract that writes what a later minor version would.
struct Later;

impl Provider for Later {
    fn contract(&self) -> Result<Arc<Contract>> {
        OrdersClient::contract()
    }

    fn handle<'a>(&'a self, _: &'a Context, body: Bytes) -> BoxFuture<'a, Result<Answer>> {
        let text = std::str::from_utf8(&body).unwrap_or_default();
        let answer = if text.contains("gold") {
            let code = Name::from_static("sold_out");
            Answer {
                outcome: Outcome::Failed {
                    code,
                    retryable: false,
                },
                body: Bytes::from_static(b"{\"code\":\"sold_out\",\"until\":\"spring\"}"),
            }
        } else {
            Answer {
                outcome: Outcome::Done,
                body: Bytes::from_static(b"{\"cents\":1,\"tax\":{\"rate\":20},\"shipping\":{\"by\":\"drone\",\"height\":9}}"),
            }
        };
        Box::pin(async { Ok(answer) })
    }
}

struct World {
    client: OrdersClient,
    publisher: Publisher,
    /// The hub serves as long as this end lives.
    _provider: Arc<dyn Channel>,
}

async fn world() -> World {
    let hub = Hub::new(Bounds::default());
    let contract = OrdersClient::contract().unwrap();
    let provider: Arc<dyn Channel> = Arc::new(MemoryChannel::new(hub.clone(), 1 << 20));
    let service = Arc::new(Service::new(Later).unwrap());
    let publisher = Publisher::new(provider.clone(), &service, &contract, BOUND).unwrap();
    provider.serve(service).await.unwrap();
    let requirement = Requirement::caret(contract.name().clone(), contract.version());
    let consumer = Arc::new(MemoryChannel::new(hub, 1 << 20));
    let session = Session::new(consumer, contract, requirement, Policy::default()).unwrap();
    World {
        client: OrdersClient::new(session),
        publisher,
        _provider: provider,
    }
}

fn request(sku: &str) -> QuoteRequest {
    QuoteRequest {
        sku: sku.to_owned(),
        quantity: 1,
        voucher: None,
    }
}

#[tokio::test]
async fn a_reply_of_a_later_version_is_understood() {
    let World { client, .. } = &world().await;
    let quote = client.quote(request("tea")).await.unwrap();
    assert_eq!(
        quote,
        Quote {
            cents: 1,
            shipping: Shipping::Other
        }
    );
}

#[tokio::test]
async fn an_error_code_of_a_later_version_is_the_fallback() {
    let World { client, .. } = &world().await;
    let failed = client.quote(request("gold")).await.unwrap_err();
    assert_eq!(failed.app(), Some(OrdersError::Unknown));
}

#[tokio::test]
async fn an_event_of_a_later_version_is_understood() {
    let World {
        client, publisher, ..
    } = &world().await;
    let mut shipped = client.shipped("billing").await.unwrap();
    let body = Bytes::from_static(b"{\"order\":7,\"size\":\"Small\",\"weight\":[1,{}]}");
    publisher
        .publish_bytes(Name::from_static("shipped"), body)
        .await
        .unwrap();
    let delivery = timeout(BOUND, shipped.next()).await.unwrap().unwrap();
    assert_eq!(
        delivery.event,
        OrderShipped {
            order: 7,
            size: Size::Small
        }
    );
    delivery.ack().await.unwrap();
}

/// A reply that a later version could not add to.
#[polywire::payload]
#[serde(deny_unknown_fields)]
pub(crate) struct Strict {
    /// A number.
    pub number: u8,
}

/// A contract that cannot be built, which shows at run time only.
#[polywire::contract(name = "strict", version = "1.0.0")]
pub(crate) trait StrictReplies {
    /// Answers strictly.
    async fn ask(&self, cx: &Context) -> Result<Strict, std::convert::Infallible>;
}

struct Handler;

impl StrictReplies for Handler {
    async fn ask(&self, _: &Context) -> Result<Strict, std::convert::Infallible> {
        Ok(Strict { number: 1 })
    }
}

#[test]
fn a_reply_that_refuses_unknown_fields_is_refused() {
    let found = [
        StrictRepliesClient::contract().unwrap_err(),
        Service::new(StrictRepliesServer::new(Handler)).unwrap_err(),
    ];
    for error in found {
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(
            error.message(),
            "contract \"strict\" 1.0.0 cannot be described: reply of \"ask\" is closed at type \"Strict\": drop \
             deny_unknown_fields (additionalProperties: false), a consumer must ignore fields it does not know"
        );
    }
}
