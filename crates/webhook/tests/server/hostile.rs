//! Whatever is asked, it is answered.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::world::{ROOT, sqlite, wish};

fn method() -> impl Strategy<Value = Method> {
    prop::sample::select(vec![
        Method::GET,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
        Method::PUT,
    ])
}

fn rest(id: &str) -> impl Strategy<Value = String> {
    let known = [
        "",
        "/lease",
        "/upgrade",
        "/rotate",
        "/verify",
        "/test",
        "/pause",
        "/resume",
        "/replay",
        "/deliveries",
        "/deliveries/ack",
        "/upgrade/commit",
        "/upgrade/rollback",
    ];
    let known: Vec<String> = known.iter().map(|rest| format!("/{id}{rest}")).collect();
    let query = "[a-z]{0,8}=[ -~&&[^#<>\"`{}|^\\\\ ]]{0,12}";
    prop_oneof![
        prop::sample::select(known),
        Just(String::new()),
        "(/[a-zA-Z0-9_.%-]{0,12}){0,4}".prop_map(|path| path.replace('%', "%25")),
        query.prop_map(|query| format!("?{query}")),
    ]
}

fn headers() -> impl Strategy<Value = Vec<(HeaderName, HeaderValue)>> {
    let names = [
        "if-match",
        "if-none-match",
        "prefer",
        "idempotency-key",
        "authorization",
        "content-type",
    ];
    let name = prop::sample::select(names.to_vec()).prop_map(HeaderName::from_static);
    let value = prop_oneof![
        vec(32_u8..127, 0..20).prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap()),
        vec(128_u8..=255, 0..20).prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap()),
        Just(HeaderValue::from_static("*")),
        Just(HeaderValue::from_static("\"1\"")),
    ];
    vec((name, value), 0..4)
}

fn body(sink: String) -> impl Strategy<Value = Bytes> {
    let names = [
        "contract",
        "version",
        "known",
        "float",
        "events",
        "group",
        "sink",
        "sign",
        "lease_seconds",
        "since",
        "from",
        "rate_per_minute",
        "order",
        "on_sunset",
        "sequences",
        "strategy",
        "shadow_seconds",
        "overlap_seconds",
        "to",
    ];
    let value = prop_oneof![
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([])),
        Just(json!(["v1"])),
        Just(json!([u64::MAX])),
        Just(json!("^2")),
        Just(json!("9999-12-31T23:59:59Z")),
    ];
    let one = (
        any::<bool>(),
        vec((prop::sample::select(names.to_vec()), value), 0..4),
    );
    let change = one.prop_map(move |(from_good, changes)| {
        let mut body = if from_good { wish(&sink) } else { json!({}) };
        for (name, value) in changes {
            body[name] = value;
        }
        Bytes::from(body.to_string())
    });
    prop_oneof![
        3 => change,
        1 => vec(any::<u8>(), 0..200).prop_map(Bytes::from),
        1 => Just(Bytes::new()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anything_is_answered_and_nothing_is_our_fault() {
    let world = sqlite().await;
    let options = polywire_webhook::server::ServerOptions {
        authenticator: None,
        consent_pause: crate::world::HOUR,
        ..world.options()
    };
    let server = world.again(options).await;
    let mut create = crate::world::post("").body(&wish(&world.sink.url)).wait();
    create = create.header("authorization", "Bearer x");
    let id = create.of(&server).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let handle = tokio::runtime::Handle::current();
    let sink = world.sink.url.clone();
    let run = tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(Config::with_cases(600));
        let request = (method(), rest(&id), headers(), body(sink));
        let ran = runner.run(&request, |(method, rest, headers, body)| {
            let mut request = Request::new(body);
            *request.method_mut() = method;
            *request.uri_mut() = format!("{ROOT}{rest}").parse().unwrap();
            request.headers_mut().extend(headers);
            // Who waits is not waited for here.
            request
                .headers_mut()
                .insert("prefer", HeaderValue::from_static("respond-async"));
            let answer = handle.block_on(server.answer(request));
            let status = answer.status().as_u16();
            prop_assert!((200..500).contains(&status), "{status} {:?}", answer.body());
            if status >= 400 {
                let problem: Value = serde_json::from_slice(answer.body()).unwrap();
                prop_assert_eq!(&problem["status"], status);
            }
            Ok(())
        });
        ran.unwrap();
    });
    run.await.unwrap();
    world.close().await;
}
