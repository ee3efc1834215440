//! Client, server and publisher talk over memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use polywire::{
    CallError, CallOptions, Context, ContractClient, ContractPublisher, ErrorKind, Publisher,
    Session,
};
use polywire_core::contract::{Name, Requirement};
use polywire_core::memory::{Hub, MemoryChannel};
use polywire_core::{Bounds, Channel, EventType, Policy, Provider, Service};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::orders::{
    CancelOrder, OrderShipped, Orders, OrdersClient, OrdersError, OrdersPublisher, OrdersServer,
    Quote, QuoteRequest, Shipping, Size, orders_events,
};

const BOUND: Duration = Duration::from_secs(10);

/// Tells the test which orders were cancelled.
struct Shop {
    cancelled: mpsc::UnboundedSender<u64>,
}

impl Orders for Shop {
    async fn quote(&self, cx: &Context, request: QuoteRequest) -> Result<Quote, OrdersError> {
        assert_eq!(cx.version().to_string(), "1.4.0");
        match request.sku.as_str() {
            "tea" => Ok(Quote {
                cents: 250 * i64::from(request.quantity),
                shipping: Shipping::Van {
                    plate: "W 1".to_owned(),
                },
            }),
            "rush" => Err(OrdersError::Busy { clerks: 3 }),
            _ => Err(OrdersError::NoArticle { sku: request.sku }),
        }
    }

    async fn ping(&self, _: &Context) -> Result<(), Infallible> {
        Ok(())
    }

    async fn price(&self, _: &Context, sku: String) -> Result<i64, OrdersError> {
        if sku == "tea" {
            Ok(250)
        } else {
            Err(OrdersError::Closed)
        }
    }

    async fn cancel(&self, _: &Context, command: CancelOrder) -> Result<(), OrdersError> {
        let _ = self.cancelled.send(command.order);
        Ok(())
    }
}

struct World {
    client: OrdersClient,
    publisher: OrdersPublisher,
    session: Session,
    cancelled: mpsc::UnboundedReceiver<u64>,
}

async fn world() -> World {
    let (sender, cancelled) = mpsc::unbounded_channel();
    let contract = OrdersClient::contract().unwrap();
    let hub = Hub::new(Bounds::default());
    let provider: Arc<dyn Channel> = Arc::new(MemoryChannel::new(hub.clone(), 1 << 20));
    let consumer: Arc<dyn Channel> = Arc::new(MemoryChannel::new(hub, 1 << 20));
    let service = Arc::new(Service::new(OrdersServer::new(Shop { cancelled: sender })).unwrap());
    let publisher = Publisher::new(provider.clone(), &service, &contract, BOUND).unwrap();
    provider.serve(service).await.unwrap();
    let requirement = Requirement::caret(contract.name().clone(), contract.version());
    let session = Session::new(consumer, contract, requirement, Policy::default()).unwrap();
    World {
        client: OrdersClient::new(session.clone()),
        publisher: OrdersPublisher::new(publisher),
        session,
        cancelled,
    }
}

fn tea(quantity: u32) -> QuoteRequest {
    QuoteRequest {
        sku: "tea".to_owned(),
        quantity,
        voucher: None,
    }
}

#[tokio::test]
async fn an_operation_answers() {
    let world = world().await;
    let quote = world.client.quote(tea(2)).await.unwrap();
    assert_eq!(
        quote,
        Quote {
            cents: 500,
            shipping: Shipping::Van {
                plate: "W 1".to_owned()
            }
        }
    );
    assert_eq!(
        world
            .client
            .session()
            .agreement()
            .unwrap()
            .version
            .to_string(),
        "1.4.0"
    );
}

#[tokio::test]
async fn a_typed_error_comes_back_typed() {
    let world = world().await;
    let failed = world
        .client
        .quote(QuoteRequest {
            sku: "gold".to_owned(),
            ..tea(1)
        })
        .await
        .unwrap_err();
    assert_eq!(failed.to_string(), "no article \"gold\", but {braces}");
    let CallError::App(error) = failed else {
        panic!("not the application's: {failed}")
    };
    assert_eq!(
        error,
        OrdersError::NoArticle {
            sku: "gold".to_owned()
        }
    );
}

#[tokio::test]
async fn nothing_travels_as_an_empty_object() {
    let world = world().await;
    world.client.ping().await.unwrap();
    const PING: Name = Name::from_static("ping");
    for body in ["", "{}", "{\"added later\": 1}"] {
        let reply = world
            .session
            .call(PING, Bytes::from_static(body.as_bytes()))
            .await
            .unwrap();
        assert_eq!(reply.body, "{}", "{body:?}");
    }
    let error = world
        .session
        .call(PING, Bytes::from_static(b"7"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPayload);
    assert!(
        error
            .message()
            .starts_with("payload of 1 bytes is not a Empty: invalid type: integer `7`"),
        "{error}"
    );
}

#[tokio::test]
#[allow(deprecated)]
async fn plain_types_travel() {
    let world = world().await;
    assert_eq!(world.client.price("tea".to_owned()).await.unwrap(), 250);
    let failed = world.client.price("gold".to_owned()).await.unwrap_err();
    assert_eq!(failed.app(), Some(OrdersError::Closed));
}

#[tokio::test]
async fn a_command_is_taken_and_done() {
    let mut world = world().await;
    let receipt = world.client.cancel(CancelOrder { order: 7 }).await.unwrap();
    assert_eq!(receipt.stamp.unwrap().version.to_string(), "1.4.0");
    assert_eq!(
        timeout(BOUND, world.cancelled.recv()).await.unwrap(),
        Some(7)
    );
}

#[tokio::test]
async fn events_reach_subscribers() {
    let world = world().await;
    let mut shipped = world.client.shipped("billing").await.unwrap();
    let mut opened = world.client.shop_opened("billing").await.unwrap();
    let event = OrderShipped {
        order: 7,
        size: Size::Small,
    };
    let receipt = world.publisher.shipped(&event).await.unwrap();
    world.publisher.shop_opened().await.unwrap();
    let delivery = timeout(BOUND, shipped.next()).await.unwrap().unwrap();
    assert_eq!(
        (&delivery.event, &delivery.head().id),
        (&event, &receipt.id)
    );
    delivery.ack().await.unwrap();
    timeout(BOUND, opened.next())
        .await
        .unwrap()
        .unwrap()
        .ack()
        .await
        .unwrap();
}

#[tokio::test]
async fn options_reach_the_handler() {
    let world = world().await;
    let options = CallOptions::new().deadline(Duration::ZERO);
    let failed = world.client.with(options).quote(tea(1)).await.unwrap_err();
    assert_eq!(
        failed.wire().map(polywire::Error::kind),
        Some(ErrorKind::DeadlineExceeded)
    );
}

#[tokio::test]
async fn an_interaction_without_a_handler_is_refused() {
    use polywire_core::contract::Offer;
    use polywire_core::{Caller, Head, Kind, Stamp};

    let (sender, _) = mpsc::unbounded_channel();
    let server = OrdersServer::new(Shop { cancelled: sender });
    let contract = server.contract().unwrap();
    let offered = contract.offered();
    let offer = Offer::new(contract.name().clone(), vec![offered.clone()]).unwrap();
    let head = Head::new(
        Kind::Operation,
        contract.name().clone(),
        Name::from_static("shipped"),
    );
    let cx = Context::new(
        head,
        Arc::new(Stamp::of(&offered, &offer)),
        Caller::anonymous(),
    );
    let error = server.handle(&cx, Bytes::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        error.message(),
        "orders 1.4.0 has no operation or command \"shipped\""
    );
}

#[test]
fn what_is_made_is_named_and_shared() {
    assert_eq!(orders_events::Shipped::NAME, "shipped");
    assert_eq!(orders_events::ShopOpened::NAME, "shop_opened");
    let contracts = [
        OrdersClient::contract().unwrap(),
        OrdersPublisher::contract().unwrap(),
        orders_events::Shipped::contract().unwrap(),
    ];
    assert!(
        contracts
            .iter()
            .all(|contract| Arc::ptr_eq(contract, &contracts[0]))
    );
    fn is_shared<T: Send + Sync + Clone + std::fmt::Debug>() {}
    is_shared::<OrdersClient>();
    is_shared::<OrdersPublisher>();
    is_shared::<OrdersServer<Shop>>();
}
