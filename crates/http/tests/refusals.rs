//! What is refused, and how it is told, spoken without the SDK.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use polywire_core::{
    Authenticator, Caller, Error, ErrorKind, Head, Limits, Result, Service, Token,
};
use polywire_http::HttpConfig;
use support::raw::{Answer, ask, assert_problem, get, post, posted, read};
use support::*;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

const HAT: &str = r#"{"item":"hat"}"#;

async fn ask_for_a_hat(served: &Served, headers: &str) -> Answer {
    post(served.address, "/orders/v1/quote", headers, HAT).await
}

async fn serve_one_at_a_time(config: HttpConfig) -> Served {
    let orders = Orders::new("1.4.0");
    let seen = orders.seen.clone();
    let limits = Limits {
        max_in_flight: 1,
        ..Limits::default()
    };
    let service = Service::new(orders).unwrap().with_limits(limits);
    serve_service(service, seen, config).await
}

#[tokio::test]
async fn paths_that_lead_nowhere_say_what_is_there() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/order/v1/quote", "", HAT).await;
    assert_problem(
        &answer,
        404,
        "unroutable",
        "contract \"order\" is not served here: served is orders",
    );
    let answer = post(served.address, "/orders/1/quote", "", HAT).await;
    assert_problem(
        &answer,
        404,
        "unroutable",
        "track \"1\" is not valid: write \"v1\", or \"v0.3\" while the major is 0",
    );
    let answer = get(served.address, "/", "").await;
    assert_problem(
        &answer,
        404,
        "unroutable",
        "nothing at \"/\": post to /CONTRACT/vTRACK/INTERACTION, or read /.well-known/contracts",
    );
}

#[tokio::test]
async fn wrong_methods_name_the_right_one() {
    let served = serve("1.4.0").await;
    for (request, allow) in [
        ("GET /orders/v1/quote", "POST"),
        ("DELETE /orders/v1/shipped", "GET"),
        ("POST /orders/v1/shipped", "GET"),
        ("POST /healthz", "GET, HEAD"),
    ] {
        let answer = ask(
            served.address,
            &format!("{request} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"),
        )
        .await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, allow),
            "{request}"
        );
    }
}

#[tokio::test]
async fn malformed_requirements_are_named() {
    let served = serve("1.4.0").await;
    let answer = ask_for_a_hat(&served, "contract-require: 1.2\r\n").await;
    assert_problem(
        &answer,
        400,
        "invalid-payload",
        "header contract-require: bare version \"1.2\": write \"^1.2\"",
    );
    let answer = post(
        served.address,
        "/orders/v2/quote",
        "contract-require: ^1.2\r\n",
        HAT,
    )
    .await;
    assert_problem(
        &answer,
        400,
        "invalid-payload",
        "the path says v2 and contract-require says ^1.2, which never takes a version of v2: post to the track that is required",
    );
    let answer = ask_for_a_hat(&served, "contract-digest: md5\r\n").await;
    assert_problem(
        &answer,
        400,
        "invalid-payload",
        "header contract-digest is \"md5\": write \"sha256:<64 hexadecimal digits>; version=1.4.0\"",
    );
    let answer = ask_for_a_hat(&served, "contract-require: ^1\r\ncontract-require: ^2\r\n").await;
    assert_problem(
        &answer,
        400,
        "invalid-payload",
        "header contract-require was sent twice: send it once, ranges separated by \";\"",
    );
}

#[tokio::test]
async fn another_contract_under_one_version_is_a_conflict() {
    let served = serve("1.4.0").await;
    let digest = format!(
        "contract-digest: sha256:{}; version=1.4.0\r\n",
        "0".repeat(64)
    );
    let answer = ask_for_a_hat(&served, &digest).await;
    assert_eq!(
        (answer.status, &answer.json()["offered"][0]["why"]),
        (409, &"integrity".into())
    );
}

#[tokio::test]
async fn other_content_types_are_refused() {
    let served = serve("1.4.0").await;
    let request = "POST /orders/v1/quote HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 3\r\n\r\na=b";
    let answer = ask(served.address, request).await;
    assert_problem(
        &answer,
        415,
        "unsupported",
        "content type \"application/x-www-form-urlencoded\" is not spoken here: send application/json",
    );
}

#[tokio::test]
async fn payloads_that_do_not_decode_are_refused() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/orders/v1/quote", "", "{").await;
    assert_eq!(
        (answer.status, &answer.json()["type"]),
        (400, &"urn:polywire:problem:invalid-payload".into())
    );
}

#[tokio::test]
async fn too_large_payloads_and_heads_are_refused() {
    let config = HttpConfig {
        max_payload: 100,
        max_header_bytes: 8192,
        ..local()
    };
    let served = serve_with("1.4.0", config).await;
    let large = format!(r#"{{"item":"{}"}}"#, "x".repeat(100));
    let answer = post(served.address, "/orders/v1/quote", "", &large).await;
    assert_problem(
        &answer,
        413,
        "too-large",
        "payload of 111 bytes: at most 100 bytes are taken",
    );
    let chunked = format!(
        "POST /orders/v1/quote HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n40\r\n{0}\r\n40\r\n{0}\r\n0\r\n\r\n",
        "x".repeat(64)
    );
    assert_eq!(ask(served.address, &chunked).await.status, 413);
    let answer = ask_for_a_hat(&served, &format!("x-large: {}\r\n", "x".repeat(10_000))).await;
    assert_eq!(answer.status, 431);
}

#[tokio::test]
async fn deadlines_are_kept() {
    let served = serve("1.4.0").await;
    let answer = post(
        served.address,
        "/orders/v1/quote",
        "contract-timeout: 30\r\n",
        r#"{"item":"wait"}"#,
    )
    .await;
    assert_problem(
        &answer,
        504,
        "deadline-exceeded",
        "the handler of orders.quote was still running at the deadline and was cancelled",
    );
    served.seen.until(&served.seen.cancelled, 1).await;
    let answer = ask_for_a_hat(&served, "contract-timeout: soon\r\n").await;
    assert_problem(
        &answer,
        400,
        "invalid-payload",
        "header contract-timeout is \"soon\": expected a number from 0 to 86400000",
    );
}

#[tokio::test]
async fn a_slow_payload_is_a_timeout_and_holds_no_place() {
    let config = HttpConfig {
        body_timeout: Duration::from_millis(300),
        ..local()
    };
    let served = serve_one_at_a_time(config).await;
    let mut slow = TcpStream::connect(served.address).await.unwrap();
    let request = posted("/orders/v1/quote", "", HAT);
    slow.write_all(&request.as_bytes()[..request.len() - 5])
        .await
        .unwrap();
    // The only place among the handlers is still free.
    assert_eq!(ask_for_a_hat(&served, "").await.status, 200);
    let answer = timeout(Duration::from_secs(10), read(&mut slow))
        .await
        .unwrap()
        .unwrap();
    assert_problem(
        &answer,
        408,
        "deadline-exceeded",
        "the payload had not arrived within 300ms",
    );
    assert_eq!(answer.header("connection"), "close");
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_handler() {
    let served = serve("1.4.0").await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream
        .write_all(posted("/orders/v1/quote", "", r#"{"item":"wait"}"#).as_bytes())
        .await
        .unwrap();
    served.seen.until(&served.seen.calls, 1).await;
    drop(stream);
    served.seen.until(&served.seen.cancelled, 1).await;
}

#[tokio::test]
async fn too_many_at_once_are_told_to_come_back() {
    let served = serve_one_at_a_time(local()).await;
    let address = served.address;
    let waiting =
        tokio::spawn(
            async move { post(address, "/orders/v1/quote", "", r#"{"item":"wait"}"#).await },
        );
    served.seen.until(&served.seen.calls, 1).await;
    let answer = ask_for_a_hat(&served, "").await;
    assert_problem(
        &answer,
        429,
        "overloaded",
        "contract \"orders\" runs 1 handlers, its maximum: retry later",
    );
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
            Some(_) => Err(Error::new(
                ErrorKind::Unauthenticated,
                "the token is not signed by a known key",
            )),
            None => Err(Error::new(
                ErrorKind::Unauthenticated,
                "no token: send one as authorization: Bearer TOKEN",
            )),
        }
    }
}

#[tokio::test]
async fn tokens_are_asked_for() {
    let service = Service::new(Orders::new("1.4.0"))
        .unwrap()
        .with_authenticator(Arc::new(Doorman));
    let served = serve_service(service, Arc::default(), local()).await;
    let answer = ask_for_a_hat(&served, "").await;
    assert_problem(
        &answer,
        401,
        "unauthenticated",
        "no token: send one as authorization: Bearer TOKEN",
    );
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    let answer = ask_for_a_hat(&served, "authorization: Bearer bad\r\n").await;
    assert_problem(
        &answer,
        401,
        "unauthenticated",
        "the token is not signed by a known key",
    );
    assert_eq!(
        ask_for_a_hat(&served, "authorization: bearer good\r\n")
            .await
            .status,
        200
    );
    assert_eq!(
        get(served.address, "/orders/v1/shipped", "").await.status,
        401
    );
    assert_eq!(
        post(
            served.address,
            "/orders/v1/shipped/settle",
            "",
            r#"{"member":"x"}"#
        )
        .await
        .status,
        401
    );
}

#[tokio::test]
async fn a_command_whose_payload_comes_after_draining_is_not_accepted() {
    let served = serve("1.4.0").await;
    let request = posted("/orders/v1/cancel", "expect: 100-continue\r\n", HAT);
    let head = request.strip_suffix(HAT).unwrap();
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // It was admitted: its payload is asked for.
    let asked = timeout(Duration::from_secs(10), read(&mut stream)).await;
    assert_eq!(asked.unwrap().unwrap().status, 100);
    served.channel.drain().await.unwrap();
    stream.write_all(HAT.as_bytes()).await.unwrap();
    let answer = timeout(Duration::from_secs(10), read(&mut stream)).await;
    assert_problem(
        &answer.unwrap().unwrap(),
        503,
        "unavailable",
        "contract \"orders\" is draining here: retry at another replica",
    );
    assert_eq!(served.seen.commands.load(Ordering::SeqCst), 0);
}
