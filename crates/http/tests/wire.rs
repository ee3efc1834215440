//! Replies, commands and refusals on the wire, spoken without the SDK.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;

use polywire_core::{Deprecation, ErrorKind, Service, Versions};
use support::raw::{ask, assert_problem, get, post};
use support::*;

const HAT: &str = r#"{"item":"hat"}"#;

#[tokio::test]
async fn a_reply_is_stamped() {
    let served = serve("1.4.0").await;
    let answer = post(
        served.address,
        "/orders/v1/quote",
        "contract-require: ^1.2\r\n",
        HAT,
    )
    .await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, r#"{"item":"hat","fill":""}"#)
    );
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("contract-version"), "1.4.0");
    assert_eq!(answer.header("contract-offer"), "1.4.0");
    assert_eq!(
        answer.header("contract-digest"),
        contract("1.4.0").digest().to_string()
    );
    assert_eq!(answer.header("contract-instance"), "1.4.0");
    assert_eq!(answer.header("vary"), "contract-require");
    assert_eq!(answer.header("deprecation"), "");
}

#[tokio::test]
async fn without_headers_the_path_says_what_is_required() {
    let served = serve("1.4.0").await;
    let request = format!(
        "POST /orders/v1/quote HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{HAT}",
        HAT.len()
    );
    assert_eq!(ask(served.address, &request).await.status, 200);
}

#[tokio::test]
async fn deprecation_and_sunset_are_told() {
    let deprecation = Deprecation {
        since: Some("2026-01-01T00:00:00Z".to_owned()),
        sunset: Some("2027-01-01T00:00:00Z".to_owned()),
        link: Some("https://example.com/orders-v2".to_owned()),
    };
    let versions = Versions::new()
        .serve_deprecated(Orders::new("1.5.2"), deprecation)
        .serve(Orders::new("2.1.0"));
    let served = serve_service(Service::new(versions).unwrap(), Arc::default(), local()).await;
    let answer = post(served.address, "/orders/v1/quote", "", HAT).await;
    assert_eq!(answer.header("contract-version"), "1.5.2");
    assert_eq!(answer.header("contract-offer"), "1.5.2, 2.1.0");
    assert_eq!(answer.header("contract-status"), "deprecated");
    assert_eq!(answer.header("deprecation"), "@1767225600");
    assert_eq!(answer.header("sunset"), "Fri, 01 Jan 2027 00:00:00 GMT");
    assert_eq!(
        answer.header("link"),
        "<https://example.com/orders-v2>; rel=\"deprecation\""
    );
    assert_eq!(
        post(served.address, "/orders/v2/quote", "", HAT)
            .await
            .header("deprecation"),
        ""
    );
    let session = session(served.address, "1.5.2", "^1.2").await;
    let _: Quote = session
        .request::<_, _, OrdersError>(QUOTE, &quote("hat"))
        .await
        .unwrap();
    let stamp = session.agreement().unwrap();
    let expected = served.service.stamp(&"1.5.2".parse().unwrap()).unwrap();
    assert_eq!(stamp, *expected, "nothing is lost on the way");
}

#[tokio::test]
async fn a_requirement_that_cannot_be_met_is_refused_before_the_handler() {
    let served = serve("1.4.0").await;
    let answer = post(
        served.address,
        "/orders/v1/quote",
        "contract-require: ^1.5\r\n",
        HAT,
    )
    .await;
    let detail = "no version of contract \"orders\" satisfies ^1.5: the provider \"1.4.0\" offers 1.4.0 (too old); \
                  upgrade the provider to 1.5.0 or require ^1.4";
    assert_eq!(
        (answer.status, &answer.json()["detail"]),
        (406, &detail.into())
    );
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
    assert_eq!(
        served.seen.calls.load(std::sync::atomic::Ordering::SeqCst),
        0
    );
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
    assert_eq!(
        (future.status, future.header("contract-offer")),
        (406, "2.1.0")
    );
    let error = session(served.address, "1.4.0", "^1.2")
        .await
        .request::<_, Quote, OrdersError>(QUOTE, &quote("hat"))
        .await
        .unwrap_err();
    assert_eq!(error.wire().unwrap().kind(), ErrorKind::NoMatch);
}

#[tokio::test]
async fn an_unknown_operation_is_no_match() {
    let served = serve("1.4.0").await;
    let answer = post(served.address, "/orders/v1/refund", "", HAT).await;
    assert_eq!(
        (answer.status, &answer.json()["offered"][0]["why"]),
        (406, &"missing-operation".into())
    );
    let answer = get(served.address, "/orders/v1/returned", "").await;
    assert_eq!(
        (answer.status, &answer.json()["offered"][0]["why"]),
        (406, &"missing-operation".into())
    );
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
    assert_eq!(
        json["error"],
        serde_json::json!({"code": "sold_out", "item": "none"})
    );
    assert_eq!(
        (&json["dispatched"], &json["retry"]),
        (&true.into(), &"never".into())
    );
}

#[tokio::test]
async fn a_panic_is_a_server_error() {
    let served = serve("1.4.0").await;
    let answer = post(
        served.address,
        "/orders/v1/quote",
        "contract-message-id: seven\r\n",
        r#"{"item":"panic"}"#,
    )
    .await;
    assert_problem(
        &answer,
        500,
        "internal",
        "the handler of orders.quote failed unexpectedly; see the provider's log for message seven",
    );
}

#[tokio::test]
async fn commands_are_accepted() {
    let served = serve("1.4.0").await;
    let answer = post(
        served.address,
        "/orders/v1/cancel",
        "contract-message-id: seven\r\n",
        HAT,
    )
    .await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (202, r#"{"id":"seven"}"#)
    );
    assert_eq!(answer.header("contract-version"), "1.4.0");
    served.seen.until(&served.seen.commands, 1).await;
    assert_eq!(
        post(
            served.address,
            "/orders/v1/cancel",
            "contract-require: ^1.5\r\n",
            HAT
        )
        .await
        .status,
        406
    );
}
