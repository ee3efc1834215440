//! Every status and header of the wire format, spoken without the SDK.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use polywire_core::{Authenticator, Caller, Deprecation, Error, ErrorKind, Head, Limits, Result, Service, Token, Versions};
use polywire_http::HttpConfig;
use support::raw::{Answer, ask, get, post, posted, read};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const HAT: &str = r#"{"item":"hat"}"#;

fn assert_problem(answer: &Answer, status: u16, kind: &str, detail: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let json = answer.json();
    assert_eq!(json["type"], format!("urn:polywire:problem:{kind}"));
    assert_eq!(json["detail"], detail);
}

#[tokio::test]
async fn a_reply_is_stamped() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/orders/v1/quote", "contract-require: ^1.2\r\n", HAT).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"item":"hat","fill":""}"#));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("contract-version"), "1.4.0");
    assert_eq!(answer.header("contract-offer"), "1.4.0");
    assert_eq!(answer.header("contract-digest"), contract("1.4.0").digest().to_string());
    assert_eq!(answer.header("contract-instance"), "1.4.0");
    assert_eq!(answer.header("vary"), "contract-require");
    assert_eq!(answer.header("deprecation"), "");
}

#[tokio::test]
async fn without_headers_the_path_says_what_is_required() {
    let served = serve("1.4.0").await;
    let request = format!("POST /orders/v1/quote HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{HAT}", HAT.len());
    assert_eq!(ask(served.address, &request).await.status, 200);
}

#[tokio::test]
async fn deprecation_and_sunset_are_told() {
    let deprecation = Deprecation {
        since: Some("2026-01-01T00:00:00Z".to_owned()),
        sunset: Some("2027-01-01T00:00:00Z".to_owned()),
        link: Some("https://example.com/orders-v2".to_owned()),
    };
    let versions = Versions::new().serve_deprecated(Orders::new("1.5.2"), deprecation).serve(Orders::new("2.1.0"));
    let served = serve_service(Service::new(versions).unwrap(), Arc::default(), local()).await;
    let answer = post(served.address, "/orders/v1/quote", "", HAT).await;
    assert_eq!(answer.header("contract-version"), "1.5.2");
    assert_eq!(answer.header("contract-offer"), "1.5.2, 2.1.0");
    assert_eq!(answer.header("contract-status"), "deprecated");
    assert_eq!(answer.header("deprecation"), "@1767225600");
    assert_eq!(answer.header("sunset"), "Fri, 01 Jan 2027 00:00:00 GMT");
    assert_eq!(answer.header("link"), "<https://example.com/orders-v2>; rel=\"deprecation\"");
    assert_eq!(post(served.address, "/orders/v2/quote", "", HAT).await.header("deprecation"), "");
    let session = session(served.address, "1.5.2", "^1.2").await;
    let _: Quote = session.request::<_, _, OrdersError>(QUOTE, &quote("hat")).await.unwrap();
    let stamp = session.agreement().unwrap();
    let expected = served.service.stamp(&"1.5.2".parse().unwrap()).unwrap();
    assert_eq!(stamp, *expected, "nothing is lost on the way");
}

#[tokio::test]
async fn a_requirement_that_cannot_be_met_is_refused_before_the_handler() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/orders/v1/quote", "contract-require: ^1.5\r\n", HAT).await;
    let detail = "no version of contract \"orders\" satisfies ^1.5: the provider \"1.4.0\" offers 1.4.0 (too old); \
                  upgrade the provider to 1.5.0 or require ^1.4";
    assert_eq!((answer.status, &answer.json()["detail"]), (406, &detail.into()));
    assert_eq!(answer.json()["type"], "urn:polywire:problem:no-match");
    assert_eq!(answer.json()["offered"][0]["why"], "below-floor");
    assert_eq!(answer.json()["retry"], "other-replica");
    assert_eq!(answer.json()["dispatched"], false);
    assert_eq!(answer.json()["instance"], "1.4.0");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("connection"), "close");
    assert_eq!(answer.header("contract-offer"), "1.4.0");
    assert_eq!(answer.header("vary"), "contract-require");
    assert_eq!(answer.header("contract-version"), "");
    assert_eq!(served.seen.calls.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_payload() {
    let served = serve("1.4.0").await;
    let request = "POST /orders/v1/quote HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\ncontract-require: ^1.5\r\n\r\n";
    assert_eq!(ask(served.address, request).await.status, 406);
}

#[tokio::test]
async fn a_removed_track_is_gone_and_a_future_one_is_not_acceptable() {
    let served = serve("2.1.0").await;
    let gone = post(served.address, "/orders/v1/quote", "", HAT).await;
    assert_eq!((gone.status, gone.header("contract-offer")), (410, "2.1.0"));
    assert_eq!(gone.json()["offered"][0]["version"], "2.1.0");
    let future = post(served.address, "/orders/v3/quote", "", HAT).await;
    assert_eq!((future.status, future.header("contract-offer")), (406, "2.1.0"));
    let error = session(served.address, "1.4.0", "^1.2").await.request::<_, Quote, OrdersError>(QUOTE, &quote("hat")).await.unwrap_err();
    assert_eq!(error.wire().unwrap().kind(), ErrorKind::NoMatch);
}

#[tokio::test]
async fn an_unknown_operation_is_no_match() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/orders/v1/refund", "", HAT).await;
    assert_eq!((answer.status, &answer.json()["offered"][0]["why"]), (406, &"missing-operation".into()));
    let answer = get(served.address, "/orders/v1/returned", "").await;
    assert_eq!((answer.status, &answer.json()["offered"][0]["why"]), (406, &"missing-operation".into()));
}

#[tokio::test]
async fn paths_that_lead_nowhere_say_what_is_there() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/order/v1/quote", "", HAT).await;
    assert_problem(&answer, 404, "unroutable", "contract \"order\" is not served here: served is orders");
    let answer = post(served.address, "/orders/1/quote", "", HAT).await;
    assert_problem(&answer, 404, "unroutable", "track \"1\" is not valid: write \"v1\", or \"v0.3\" while the major is 0");
    let answer = get(served.address, "/", "").await;
    assert_problem(&answer, 404, "unroutable", "nothing at \"/\": post to /CONTRACT/vTRACK/INTERACTION, or read /.well-known/contracts");
}

#[tokio::test]
async fn wrong_methods_name_the_right_one() {
    let served = serve("1.4.0").await;
    for (request, allow) in [("GET /orders/v1/quote", "POST"), ("DELETE /orders/v1/shipped", "GET"), ("POST /orders/v1/shipped", "GET"), ("POST /healthz", "GET, HEAD")] {
        let answer = ask(served.address, &format!("{request} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")).await;
        assert_eq!((answer.status, answer.header("allow")), (405, allow), "{request}");
    }
}

#[tokio::test]
async fn malformed_requirements_are_named() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/orders/v1/quote", "contract-require: 1.2\r\n", HAT).await;
    assert_problem(&answer, 400, "invalid-payload", "header contract-require: bare version \"1.2\": write \"^1.2\"");
    let answer = post(served.address, "/orders/v2/quote", "contract-require: ^1.2\r\n", HAT).await;
    assert_problem(
        &answer,
        400,
        "invalid-payload",
        "the path says v2 and contract-require says ^1.2, which never takes a version of v2: post to the track that is required",
    );
    let answer = post(served.address, "/orders/v1/quote", "contract-digest: md5\r\n", HAT).await;
    assert_problem(
        &answer,
        400,
        "invalid-payload",
        "header contract-digest is \"md5\": write \"sha256:<64 hexadecimal digits>; version=1.4.0\"",
    );
    let answer = post(served.address, "/orders/v1/quote", "contract-require: ^1\r\ncontract-require: ^2\r\n", HAT).await;
    assert_problem(&answer, 400, "invalid-payload", "header contract-require was sent twice: send it once, ranges separated by \";\"");
}

#[tokio::test]
async fn another_contract_under_one_version_is_a_conflict() {
    let served = serve("1.4.0").await;
    let digest = format!("contract-digest: sha256:{}; version=1.4.0\r\n", "0".repeat(64));
    let answer = post(served.address, "/orders/v1/quote", &digest, HAT).await;
    assert_eq!((answer.status, &answer.json()["offered"][0]["why"]), (409, &"integrity".into()));
}

#[tokio::test]
async fn other_content_types_are_refused() {
    let served = serve("1.4.0").await;
    let request = "POST /orders/v1/quote HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 3\r\n\r\na=b";
    let answer = ask(served.address, request).await;
    assert_problem(&answer, 415, "unsupported", "content type \"application/x-www-form-urlencoded\" is not spoken here: send application/json");
}

#[tokio::test]
async fn payloads_that_do_not_decode_are_refused() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/orders/v1/quote", "", "{").await;
    assert_eq!((answer.status, &answer.json()["type"]), (400, &"urn:polywire:problem:invalid-payload".into()));
}

#[tokio::test]
async fn typed_errors_are_readable() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/orders/v1/quote", "", r#"{"item":"none"}"#).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.header("contract-version"), "1.4.0");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let json = answer.json();
    assert_eq!(json["type"], "urn:polywire:problem:application");
    assert_eq!(json["code"], "sold_out");
    assert_eq!(json["error"], serde_json::json!({"code": "sold_out", "item": "none"}));
    assert_eq!((&json["dispatched"], &json["retry"]), (&true.into(), &"never".into()));
}

#[tokio::test]
async fn a_panic_is_a_server_error() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/orders/v1/quote", "contract-message-id: seven\r\n", r#"{"item":"panic"}"#).await;
    assert_problem(&answer, 500, "internal", "the handler of orders.quote failed unexpectedly; see the provider's log for message seven");
}

#[tokio::test]
async fn too_large_payloads_and_heads_are_refused() {
    let config = HttpConfig { max_payload: 100, max_header_bytes: 8192, ..local() };
    let served = serve_with("1.4.0", config).await;
    let large = format!(r#"{{"item":"{}"}}"#, "x".repeat(100));
    let answer = post(served.address, "/orders/v1/quote", "", &large).await;
    assert_problem(&answer, 413, "too-large", "payload of 111 bytes: at most 100 bytes are taken");
    let chunked = format!(
        "POST /orders/v1/quote HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n40\r\n{0}\r\n40\r\n{0}\r\n0\r\n\r\n",
        "x".repeat(64)
    );
    assert_eq!(ask(served.address, &chunked).await.status, 413);
    let answer = post(served.address, "/orders/v1/quote", &format!("x-large: {}\r\n", "x".repeat(10_000)), HAT).await;
    assert_eq!(answer.status, 431);
}

#[tokio::test]
async fn deadlines_are_kept() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/orders/v1/quote", "contract-timeout: 30\r\n", r#"{"item":"wait"}"#).await;
    assert_problem(&answer, 504, "deadline-exceeded", "the handler of orders.quote was still running at the deadline and was cancelled");
    served.seen.until(&served.seen.cancelled, 1).await;
    let answer = post(served.address, "/orders/v1/quote", "contract-timeout: soon\r\n", HAT).await;
    assert_problem(&answer, 400, "invalid-payload", "header contract-timeout is \"soon\": expected a number from 0 to 86400000");
}

#[tokio::test]
async fn a_slow_payload_is_a_timeout_and_holds_no_place() {
    let config = HttpConfig { body_timeout: Duration::from_millis(300), ..local() };
    let orders = Orders::new("1.4.0");
    let seen = orders.seen.clone();
    let limits = Limits { max_in_flight: 1, ..Limits::default() };
    let served = serve_service(Service::new(orders).unwrap().with_limits(limits), seen, config).await;
    let mut slow = TcpStream::connect(served.address).await.unwrap();
    let request = posted("/orders/v1/quote", "", HAT);
    slow.write_all(&request.as_bytes()[..request.len() - 5]).await.unwrap();
    // The only place among the handlers is still free.
    assert_eq!(post(served.address, "/orders/v1/quote", "", HAT).await.status, 200);
    let answer = timeout(Duration::from_secs(10), read(&mut slow)).await.unwrap().unwrap();
    assert_problem(&answer, 408, "deadline-exceeded", "the payload had not arrived within 300ms");
    assert_eq!(answer.header("connection"), "close");
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_handler() {
    let served = serve("1.4.0").await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(posted("/orders/v1/quote", "", r#"{"item":"wait"}"#).as_bytes()).await.unwrap();
    served.seen.until(&served.seen.calls, 1).await;
    drop(stream);
    served.seen.until(&served.seen.cancelled, 1).await;
}

#[tokio::test]
async fn too_many_at_once_are_told_to_come_back() {
    let orders = Orders::new("1.4.0");
    let seen = orders.seen.clone();
    let limits = Limits { max_in_flight: 1, ..Limits::default() };
    let served = serve_service(Service::new(orders).unwrap().with_limits(limits), seen, local()).await;
    let address = served.address;
    let waiting = tokio::spawn(async move { post(address, "/orders/v1/quote", "", r#"{"item":"wait"}"#).await });
    served.seen.until(&served.seen.calls, 1).await;
    let answer = post(served.address, "/orders/v1/quote", "", HAT).await;
    assert_problem(&answer, 429, "overloaded", "contract \"orders\" runs 1 handlers, its maximum: retry later");
    assert_eq!(answer.header("retry-after"), "1");
    served.seen.release.notify_one();
    assert_eq!(waiting.await.unwrap().status, 200);
}

#[derive(Debug)]
struct Doorman;

impl Authenticator for Doorman {
    fn authenticate(&self, token: Option<&Token>, _: &Head) -> Result<Caller> {
        match token {
            Some(token) if token.expose() == "good" => Ok(Caller::anonymous()),
            Some(_) => Err(Error::new(ErrorKind::Unauthenticated, "the token is not signed by a known key")),
            None => Err(Error::new(ErrorKind::Unauthenticated, "no token: send one as authorization: Bearer TOKEN")),
        }
    }
}

#[tokio::test]
async fn tokens_are_asked_for() {
    let service = Service::new(Orders::new("1.4.0")).unwrap().with_authenticator(Arc::new(Doorman));
    let served = serve_service(service, Arc::default(), local()).await;
    let answer = post(served.address, "/orders/v1/quote", "", HAT).await;
    assert_problem(&answer, 401, "unauthenticated", "no token: send one as authorization: Bearer TOKEN");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    let answer = post(served.address, "/orders/v1/quote", "authorization: Bearer bad\r\n", HAT).await;
    assert_problem(&answer, 401, "unauthenticated", "the token is not signed by a known key");
    assert_eq!(post(served.address, "/orders/v1/quote", "authorization: bearer good\r\n", HAT).await.status, 200);
    assert_eq!(get(served.address, "/orders/v1/shipped", "").await.status, 401);
    assert_eq!(post(served.address, "/orders/v1/shipped/settle", "", r#"{"member":"x"}"#).await.status, 401);
}

#[tokio::test]
async fn commands_are_accepted() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/orders/v1/cancel", "contract-message-id: seven\r\n", HAT).await;
    assert_eq!((answer.status, answer.text().as_str()), (202, r#"{"id":"seven"}"#));
    assert_eq!(answer.header("contract-version"), "1.4.0");
    served.seen.until(&served.seen.commands, 1).await;
    assert_eq!(post(served.address, "/orders/v1/cancel", "contract-require: ^1.5\r\n", HAT).await.status, 406);
}

#[tokio::test]
async fn offers_and_contracts_are_read_and_cached() {
    let served = serve("1.4.0").await;
    let offers = get(served.address, "/.well-known/contracts", "").await;
    assert_eq!((offers.status, offers.header("content-type")), (200, "application/json"));
    assert_eq!(offers.json()["contracts"]["orders"]["versions"][0]["version"], "1.4.0");
    let tag = offers.header("etag").to_owned();
    let again = get(served.address, "/.well-known/contracts", &format!("if-none-match: {tag}\r\n")).await;
    assert_eq!((again.status, again.header("etag"), again.body.len()), (304, tag.as_str(), 0));

    let document = get(served.address, "/contracts/orders/1.4.0.json", "").await;
    assert_eq!((document.status, document.header("cache-control")), (200, "public, max-age=31536000, immutable"));
    let read = polywire_core::contract::Contract::from_json(&document.text()).unwrap();
    assert_eq!(read.digest(), contract("1.4.0").digest());
    let missing = get(served.address, "/contracts/orders/9.9.9.json", "").await;
    assert_problem(&missing, 404, "unroutable", "no contract document at \"/contracts/orders/9.9.9.json\": /.well-known/contracts lists what is served");

    let channel = consumer(consumer_config(served.address)).await;
    assert_eq!(channel.discover(&ORDERS).await.unwrap(), **served.service.offer());
    let other = polywire_core::contract::Name::from_static("billing");
    let error = channel.discover(&other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("serves no contract \"billing\" but [\"orders\"]"), "{error}");
}

#[tokio::test]
async fn health_follows_the_life_of_the_provider() {
    let served = serve("1.4.0").await;
    assert_eq!(get(served.address, "/healthz", "").await.text(), "{\"status\":\"alive\"}\n");
    assert_eq!(get(served.address, "/readyz", "").await.status, 200);
    let address = served.address;
    let waiting = tokio::spawn(async move { post(address, "/orders/v1/quote", "", r#"{"item":"wait"}"#).await });
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
    assert_problem(&answer, 503, "unavailable", "contract \"orders\" is draining here: retry at another replica");
    assert_eq!((answer.header("connection"), answer.header("retry-after")), ("close", "1"));
    served.seen.release.notify_one();
    assert_eq!(waiting.await.unwrap().status, 200, "what ran was finished");
    timeout(Duration::from_secs(10), draining).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn events_are_readable_without_a_group() {
    let served = serve("1.4.0").await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(b"GET /orders/v1/shipped HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut text = String::new();
    read_until(&mut stream, &mut text, "event: joined").await;
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    served.ship("1.4.0", "hat").await;
    read_until(&mut stream, &mut text, "\"item\":\"hat\"").await;
    let id = text.lines().rev().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    assert!(id.ends_with("-1"), "{id}");
    drop(stream);
    served.ship("1.4.0", "scarf").await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(format!("GET /orders/v1/shipped HTTP/1.1\r\nhost: x\r\nlast-event-id: {id}\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    read_until(&mut stream, &mut text, "\"item\":\"scarf\"").await;
    assert!(!text.contains("\"item\":\"hat\""), "{text}");
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(b"GET /orders/v1/shipped HTTP/1.1\r\nhost: x\r\nlast-event-id: elsewhere-9\r\n\r\n").await.unwrap();
    let mut text = String::new();
    read_until(&mut stream, &mut text, "\"item\":\"scarf\"").await;
    assert!(text.contains("event: gap\ndata: {\"reason\":\"the provider was restarted"), "{text}");
    assert!(text.contains("\"item\":\"hat\""), "what this run published is replayed: {text}");
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
    timeout(Duration::from_secs(10), reading).await.expect("the text comes in time");
}

#[tokio::test]
async fn wrong_subscriptions_are_named() {
    let served = serve("1.4.0").await;
    let answer = get(served.address, "/orders/v1/shipped?prefetch=0", "").await;
    assert_problem(&answer, 400, "invalid-payload", "prefetch is \"0\": expected a number from 1 to 100000");
    let answer = get(served.address, "/orders/v1/shipped", "last-event-id: 7\r\n").await;
    assert_problem(&answer, 400, "invalid-payload", "last-event-id \"7\": send the id of an event as it came");
    let answer = get(served.address, "/orders/v1/shipped?group=A", "").await;
    assert_eq!(answer.status, 400);
    let answer = post(served.address, "/orders/v1/shipped/settle", "", r#"{"member":"x"}"#).await;
    assert_problem(&answer, 404, "unroutable", "no such member: its stream ended, and what it held returned to the group");
    let answer = post(served.address, "/orders/v1/shipped/settle", "", "[]").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_router_serves_inside_another_application() {
    let transport = polywire_http::HttpTransport::new(HttpConfig::default(), false).unwrap();
    let channel = polywire_core::Transport::channel(&transport, "orders").await.unwrap();
    let error = channel.serve(Arc::new(Service::new(Orders::new("1.4.0")).unwrap())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "a provider over http needs listen = \"ADDRESS:PORT\" in its [transport] table, or an application that its router is merged into"
    );
    let app = axum::Router::new().route("/", axum::routing::get(async || "shop")).merge(transport.router());
    channel.serve(Arc::new(Service::new(Orders::new("1.4.0")).unwrap())).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    assert_eq!(get(address, "/", "").await.text(), "shop");
    assert_eq!(post(address, "/orders/v1/quote", "", HAT).await.status, 200);
    assert_eq!(get(address, "/.well-known/contracts", "").await.status, 200);
    let session = session(address, "1.4.0", "^1.2").await;
    let _: Quote = session.request::<_, _, OrdersError>(QUOTE, &quote("hat")).await.unwrap();
    serving.abort();
}
