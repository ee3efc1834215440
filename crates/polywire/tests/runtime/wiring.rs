use std::error::Error as _;
use std::sync::Arc;

use polywire::config::{Environment, Mistakes};
use polywire::prelude::*;
use polywire::{Dispatched, Health, Shelf};

use crate::orders::{
    Order, OrdersClient, OrdersError, OrdersPublisher, OrdersServer, Shipped, Shop, on_hub, order,
    wire,
};

#[polywire::contract(name = "billing", version = "1.0.0")]
trait Billing {
    async fn charge(&self, cx: &Context, request: Order) -> Result<Order, OrdersError>;
}

#[tokio::test]
async fn provider_and_consumer_meet_whoever_starts_first() {
    let (shop, consumer) = (on_hub("meet", ""), on_hub("meet", "retries = 0"));
    let client: OrdersClient = consumer.connect("orders").await.unwrap();
    let error = client.quote(order("lamp")).await.unwrap_err();
    let error = error.wire().unwrap();
    assert_eq!(
        (error.kind(), error.dispatched()),
        (ErrorKind::Unavailable, Dispatched::No)
    );

    let mut shipped = client.shipped("billing").await.unwrap();
    let provided = shop
        .provide("orders", OrdersServer::new(Shop::open()))
        .await
        .unwrap();
    assert_eq!(client.quote(order("lamp")).await.unwrap(), order("lamp"));
    assert!(matches!(
        client.quote(order("moon")).await,
        Err(CallError::App(OrdersError::UnknownItem))
    ));
    client.cancel(order("lamp")).await.unwrap();

    let publisher: OrdersPublisher = provided.publisher().unwrap();
    publisher
        .shipped(&Shipped {
            order: "A-7".to_owned(),
        })
        .await
        .unwrap();
    let delivery = shipped.next().await.unwrap();
    assert_eq!(delivery.event.order, "A-7");
    delivery.ack().await.unwrap();

    let agreement = client.session().agreement().unwrap();
    assert_eq!(agreement.instance.as_deref(), Some(shop.instance()));
    let letters = provided.letters().unwrap();
    assert!(letters.list(Shelf::Dead, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_client_requires_its_own_version_unless_the_file_says_otherwise() {
    let shop = on_hub("require", "");
    shop.provide("orders", OrdersServer::new(Shop::open()))
        .await
        .unwrap();
    let client: OrdersClient = shop.connect("orders").await.unwrap();
    assert_eq!(client.session().requirement().list_text(), "^1.4.0");

    let lower: OrdersClient = on_hub("require", "require = \"^1.2\"")
        .connect("orders")
        .await
        .unwrap();
    assert_eq!(lower.quote(order("lamp")).await.unwrap(), order("lamp"));

    let both = on_hub("require", "require = [\"^2.0\", \"^1.2\"]");
    let both: OrdersClient = both.connect("orders").await.unwrap();
    assert_eq!(both.session().requirement().list_text(), "^2.0; ^1.2");
    assert_eq!(both.quote(order("lamp")).await.unwrap(), order("lamp"));

    let newer: OrdersClient = on_hub("require", "require = \"^2\"")
        .connect("orders")
        .await
        .unwrap();
    let error = newer.quote(order("lamp")).await.unwrap_err();
    assert_eq!(error.wire().unwrap().kind(), ErrorKind::NoMatch);
    assert_eq!(
        error.to_string(),
        format!(
            "call orders.quote: no version of contract \"orders\" satisfies ^2: the provider {:?} offers 1.4.0 (another major); \
             upgrade the provider to 2.x or require ^1.4",
            shop.instance()
        )
    );
}

#[tokio::test]
async fn the_environment_decides_over_the_file() {
    let text = "[channel.orders]\ntransport = \"nowhere\"\nrequire = \"^1.2\"\n";
    let environment = Environment::new()
        .with("POLYWIRE_CHANNEL_ORDERS_TRANSPORT", "memory")
        .with("POLYWIRE_CHANNEL_ORDERS_REQUIRE", "^2.0; ^1.3")
        .with("POLYWIRE_CHANNEL_BILLING_TRANSPORT", "memory");
    let wire = Polywire::builder()
        .config_text("polywire.toml", text)
        .environment(environment)
        .build()
        .unwrap();
    assert_eq!(wire.channels().collect::<Vec<_>>(), ["billing", "orders"]);
    let client: OrdersClient = wire.connect("orders").await.unwrap();
    assert_eq!(client.session().requirement().list_text(), "^2.0; ^1.3");
}

#[tokio::test]
async fn the_file_is_the_one_that_the_environment_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.toml");
    std::fs::write(&path, "[channel.orders]\ntransport = \"memory\"\n").unwrap();
    let environment = Environment::new().with("POLYWIRE_CONFIG", path.display().to_string());
    let wire = Polywire::builder()
        .environment(environment)
        .build()
        .unwrap();
    assert_eq!(wire.channels().collect::<Vec<_>>(), ["orders"]);

    let missing = folder.path().join("none.toml");
    let error = Polywire::load(&missing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error
            .to_string()
            .starts_with(&format!("{}: no such file", missing.display())),
        "{error}"
    );
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[test]
fn all_mistakes_come_with_the_error() {
    let error = wire("[channel.orders]\ntransport = \"memory\"\ntimeuot = \"1s\"\nretries = 99\n")
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let first =
        "polywire.toml:3:1: unknown key \"timeuot\" in [channel.orders]: did you mean \"timeout\"?";
    let text = error.to_string();
    assert!(
        text.starts_with(first) && text.ends_with("; and 1 more mistake"),
        "{text}"
    );
    let mistakes = error
        .source()
        .and_then(|source| source.downcast_ref::<Mistakes>())
        .unwrap();
    assert_eq!(mistakes.count(), 2);
    assert!(
        format!("{error:?}")
            .contains("polywire.toml:4:11: \"retries\" in [channel.orders] is integer 99"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_channel_that_is_not_configured_says_what_to_write() {
    let wire = wire(
        "[channel.orders]\ntransport = \"memory\"\n[channel.shipping]\ntransport = \"memory\"\n",
    )
    .unwrap();
    let error = wire.connect::<OrdersClient>("order").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "channel \"order\" is not configured in polywire.toml: did you mean \"orders\"? configured: orders, shipping; write [channel.order] with its transport"
    );
    let error = wire.channel("x").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "channel \"x\" is not configured in polywire.toml: configured: orders, shipping; write [channel.x] with its transport"
    );
    let error = on_nothing()
        .provide("orders", OrdersServer::new(Shop::open()))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "channel \"orders\" is not configured in polywire.toml: none is; write [channel.orders] with its transport"
    );
}

fn on_nothing() -> Polywire {
    wire("").unwrap()
}

#[tokio::test]
async fn a_channel_is_of_one_contract() {
    let wire = wire("[channel.orders]\ntransport = \"memory\"\n").unwrap();
    let expected = "channel \"orders\" is of contract \"orders\" in polywire.toml and is used for contract \"billing\": \
                    write contract = \"billing\" in [channel.orders], or use a channel of that contract";
    let error = wire.connect::<BillingClient>("orders").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Config, expected)
    );
    struct Till;
    impl Billing for Till {
        async fn charge(&self, _: &Context, request: Order) -> Result<Order, OrdersError> {
            Ok(request)
        }
    }
    let error = wire
        .provide("orders", BillingServer::new(Till))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Config, expected)
    );
}

#[tokio::test]
async fn channels_are_opened_when_used_and_shared() {
    let wire = on_hub("shared", "");
    assert!(
        wire.health().is_empty(),
        "nothing is open before it is used"
    );
    let (one, other) = tokio::join!(wire.channel("orders"), wire.channel("orders"));
    assert!(Arc::ptr_eq(&one.unwrap(), &other.unwrap()));
    assert_eq!(
        wire.health().into_iter().collect::<Vec<_>>(),
        [("orders".to_owned(), Health::Ready)]
    );
    wire.drain().await.unwrap();
    assert_eq!(wire.health()["orders"], Health::Draining);
    wire.close().await.unwrap();
    wire.close().await.unwrap();
    assert_eq!(wire.health()["orders"], Health::Closed);
    let error = wire
        .clone()
        .connect::<OrdersClient>("orders")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(
        error.to_string(),
        "channel \"orders\" cannot be used any more: the runtime is closed"
    );
}

#[tokio::test]
async fn providers_take_work_within_the_bounds_of_their_channel() {
    let wire = on_hub("bounds", "max_in_flight = 1\nmax_payload = 32\nretries = 0");
    let shop = Shop::closed();
    wire.provide("orders", OrdersServer::new(shop.clone()))
        .await
        .unwrap();
    let client: OrdersClient = wire.connect("orders").await.unwrap();
    let held = tokio::spawn({
        let client = client.clone();
        async move { client.quote(order("lamp")).await }
    });
    shop.one_started().await;
    let error = client.quote(order("desk")).await.unwrap_err();
    assert_eq!(
        error.wire().unwrap().kind(),
        ErrorKind::Overloaded,
        "{error}"
    );
    shop.gate.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap(), order("lamp"));
    let error = client.quote(order(&"x".repeat(40))).await.unwrap_err();
    assert_eq!(error.wire().unwrap().kind(), ErrorKind::TooLarge, "{error}");
    assert_eq!(shop.finished(), 1);
}

#[test]
fn a_builder_does_not_print_its_text() {
    let builder = Polywire::builder().config_text("polywire.toml", "token = \"hunter2\"");
    assert!(!format!("{builder:?}").contains("hunter2"));
}
