//! Calls over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use polywire_core::{CallError, CallOptions, ErrorKind, TraceContext};
use support::*;

#[tokio::test]
async fn a_call_round_trips_and_is_stamped() {
    let served = serve("1.4.0").await;
    let session = session(served.address, "1.4.0", "^1.2").await;
    let sent = Quote {
        item: "blå 日本".to_owned(),
        fill: "x".repeat(4096),
    };
    let answer: Quote = session
        .request::<_, _, OrdersError>(QUOTE, &sent)
        .await
        .unwrap();
    assert_eq!(answer, sent);
    let stamp = session.agreement().unwrap();
    assert_eq!(stamp.version.to_string(), "1.4.0");
    assert_eq!(stamp.digest, Some(contract("1.4.0").digest()));
    assert_eq!(stamp.instance.as_deref(), Some("1.4.0"));
    let _: Quote = session
        .request::<_, _, OrdersError>(QUOTE, &sent)
        .await
        .unwrap();
    assert!(
        std::sync::Arc::ptr_eq(&stamp, &session.agreement().unwrap()),
        "the same stamp is not decoded again"
    );
}

#[tokio::test]
async fn application_errors_come_back_typed() {
    let served = serve("1.4.0").await;
    let session = session(served.address, "1.4.0", "^1.2").await;
    let error = session
        .request::<_, Quote, OrdersError>(QUOTE, &quote("none"))
        .await
        .unwrap_err();
    let CallError::App(error) = error else {
        panic!("{error}")
    };
    assert_eq!(
        error,
        OrdersError::SoldOut {
            item: "none".to_owned()
        }
    );
}

#[tokio::test]
async fn a_panic_is_an_internal_error_of_that_caller() {
    let served = serve("1.4.0").await;
    let session = session(served.address, "1.4.0", "^1.2").await;
    let error = refusal_of(&session, "panic").await;
    assert_eq!(error.kind(), ErrorKind::Internal);
    let answer: Quote = session
        .request::<_, _, OrdersError>(QUOTE, &quote("next"))
        .await
        .unwrap();
    assert_eq!(answer, quote("next"));
}

#[tokio::test]
async fn context_arrives() {
    let served = serve("1.4.0").await;
    let trace = TraceContext::root();
    let options = CallOptions::new()
        .idempotency_key("key 1")
        .ordering_key("customer")
        .trace(trace.clone())
        .metadata("tenant", "blå")
        .unwrap();
    let session = session(served.address, "1.4.0", "^1.2").await.with(options);
    let answer: Quote = session
        .request::<_, _, OrdersError>(QUOTE, &quote("context"))
        .await
        .unwrap();
    assert!(
        answer
            .fill
            .contains("Some(\"key 1\") Some(\"customer\") Some(\"blå\")"),
        "{}",
        answer.fill
    );
    assert!(
        answer.fill.contains(&format!("{:032x}", trace.trace_id())),
        "{}",
        answer.fill
    );
}
