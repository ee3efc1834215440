//! What is read: offers, contracts, health and event streams, without the SDK.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use polywire_core::{ErrorKind, Service};
use polywire_http::HttpConfig;
use support::raw::{assert_problem, get, post};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const HAT: &str = r#"{"item":"hat"}"#;

#[tokio::test]
async fn offers_and_contracts_are_read_and_cached() {
    let served = serve("1.4.0").await;
    let offers = get(served.address, "/.well-known/contracts", "").await;
    assert_eq!(
        (offers.status, offers.header("content-type")),
        (200, "application/json")
    );
    assert_eq!(
        offers.json()["contracts"]["orders"]["versions"][0]["version"],
        "1.4.0"
    );
    let tag = offers.header("etag").to_owned();
    let again = get(
        served.address,
        "/.well-known/contracts",
        &format!("if-none-match: {tag}\r\n"),
    )
    .await;
    assert_eq!(
        (again.status, again.header("etag"), again.body.len()),
        (304, tag.as_str(), 0)
    );

    let document = get(served.address, "/contracts/orders/1.4.0.json", "").await;
    assert_eq!(
        (document.status, document.header("cache-control")),
        (200, "public, max-age=31536000, immutable")
    );
    let read = polywire_core::contract::Contract::from_json(&document.text()).unwrap();
    assert_eq!(read.digest(), contract("1.4.0").digest());
    let missing = get(served.address, "/contracts/orders/9.9.9.json", "").await;
    assert_problem(
        &missing,
        404,
        "unroutable",
        "no contract document at \"/contracts/orders/9.9.9.json\": /.well-known/contracts lists what is served",
    );

    let channel = consumer(consumer_config(served.address)).await;
    assert_eq!(
        channel.discover(&ORDERS).await.unwrap(),
        **served.service.offer()
    );
    let other = polywire_core::contract::Name::from_static("billing");
    let error = channel.discover(&other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error
            .message()
            .contains("serves no contract \"billing\" but [\"orders\"]"),
        "{error}"
    );
}

#[tokio::test]
async fn health_follows_the_life_of_the_provider() {
    let served = serve("1.4.0").await;
    assert_eq!(
        get(served.address, "/healthz", "").await.text(),
        "{\"status\":\"alive\"}\n"
    );
    assert_eq!(get(served.address, "/readyz", "").await.status, 200);
    let address = served.address;
    let waiting =
        tokio::spawn(
            async move { post(address, "/orders/v1/quote", "", r#"{"item":"wait"}"#).await },
        );
    served.seen.until(&served.seen.calls, 1).await;
    let channel = served.channel.clone();
    let draining = tokio::spawn(async move { channel.drain().await });
    let not_ready = async {
        loop {
            let answer = get(address, "/readyz", "").await;
            if answer.status == 503 {
                return answer;
            }
        }
    };
    let answer = timeout(Duration::from_secs(10), not_ready).await.unwrap();
    assert_eq!(answer.text(), "{\"status\":\"draining\"}\n");
    assert_eq!(get(address, "/healthz", "").await.status, 200);
    let answer = post(address, "/orders/v1/quote", "", HAT).await;
    assert_problem(
        &answer,
        503,
        "unavailable",
        "contract \"orders\" is draining here: retry at another replica",
    );
    assert_eq!(
        (answer.header("connection"), answer.header("retry-after")),
        ("close", "1")
    );
    served.seen.release.notify_one();
    assert_eq!(waiting.await.unwrap().status, 200, "what ran was finished");
    timeout(Duration::from_secs(10), draining)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn events_are_readable_without_a_group() {
    let served = serve("1.4.0").await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream
        .write_all(b"GET /orders/v1/shipped HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    read_until(&mut stream, &mut text, "event: joined").await;
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    served.ship("1.4.0", "hat").await;
    read_until(&mut stream, &mut text, "\"item\":\"hat\"").await;
    let id = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("id: "))
        .unwrap()
        .to_owned();
    assert!(id.ends_with("-1"), "{id}");
    drop(stream);
    served.ship("1.4.0", "scarf").await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream
        .write_all(
            format!("GET /orders/v1/shipped HTTP/1.1\r\nhost: x\r\nlast-event-id: {id}\r\n\r\n")
                .as_bytes(),
        )
        .await
        .unwrap();
    let mut text = String::new();
    read_until(&mut stream, &mut text, "\"item\":\"scarf\"").await;
    assert!(!text.contains("\"item\":\"hat\""), "{text}");
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream
        .write_all(
            b"GET /orders/v1/shipped HTTP/1.1\r\nhost: x\r\nlast-event-id: elsewhere-9\r\n\r\n",
        )
        .await
        .unwrap();
    let mut text = String::new();
    read_until(&mut stream, &mut text, "\"item\":\"scarf\"").await;
    assert!(
        text.contains("event: gap\ndata: {\"reason\":\"the provider was restarted"),
        "{text}"
    );
    assert!(
        text.contains("\"item\":\"hat\""),
        "what this run published is replayed: {text}"
    );
}

async fn read_until(stream: &mut TcpStream, text: &mut String, end: &str) {
    let reading = async {
        while !text.contains(end) {
            let mut buffer = [0; 1024];
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the stream ended: {text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    };
    timeout(Duration::from_secs(10), reading)
        .await
        .expect("the text comes in time");
}

#[tokio::test]
async fn wrong_subscriptions_are_named() {
    let served = serve("1.4.0").await;
    let answer = get(served.address, "/orders/v1/shipped?prefetch=0", "").await;
    assert_problem(
        &answer,
        400,
        "invalid-payload",
        "prefetch is \"0\": expected a number from 1 to 100000",
    );
    let answer = get(served.address, "/orders/v1/shipped", "last-event-id: 7\r\n").await;
    assert_problem(
        &answer,
        400,
        "invalid-payload",
        "last-event-id \"7\": send the id of an event as it came",
    );
    let answer = get(served.address, "/orders/v1/shipped?group=A", "").await;
    assert_eq!(answer.status, 400);
    let answer = post(
        served.address,
        "/orders/v1/shipped/settle",
        "",
        r#"{"member":"x"}"#,
    )
    .await;
    assert_problem(
        &answer,
        404,
        "unroutable",
        "no such member: its stream ended, and what it held returned to the group",
    );
    let answer = post(served.address, "/orders/v1/shipped/settle", "", "[]").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_router_serves_inside_another_application() {
    let transport = polywire_http::HttpTransport::new(HttpConfig::default(), false).unwrap();
    let channel = polywire_core::Transport::channel(&transport, "orders")
        .await
        .unwrap();
    let error = channel
        .serve(Arc::new(Service::new(Orders::new("1.4.0")).unwrap()))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "a provider over http needs listen = \"ADDRESS:PORT\" in its [transport] table, or an application that its router is merged into"
    );
    let app = axum::Router::new()
        .route("/", axum::routing::get(async || "shop"))
        .merge(transport.router());
    channel
        .serve(Arc::new(Service::new(Orders::new("1.4.0")).unwrap()))
        .await
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    assert_eq!(get(address, "/", "").await.text(), "shop");
    assert_eq!(post(address, "/orders/v1/quote", "", HAT).await.status, 200);
    assert_eq!(get(address, "/.well-known/contracts", "").await.status, 200);
    let session = session(address, "1.4.0", "^1.2").await;
    let _: Quote = session
        .request::<_, _, OrdersError>(QUOTE, &quote("hat"))
        .await
        .unwrap();
    serving.abort();
}
