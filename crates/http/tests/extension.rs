//! A transport that speaks HTTP in its own way, on our listener.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use polywire_core::{ErrorKind, Service, Transport};
use polywire_http::{Extension, HttpConfig, HttpTransport};
use support::*;

/// Answers with what it was asked.
#[derive(Debug)]
struct Echo;

#[async_trait]
impl Extension for Echo {
    fn prefix(&self) -> &'static str {
        "/echo"
    }

    async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let what = format!("{} {}: ", request.method(), request.uri().path());
        let mut answer = Response::new([what.as_bytes(), request.body()].concat().into());
        *answer.status_mut() = StatusCode::ACCEPTED;
        answer
    }
}

async fn extended(config: HttpConfig) -> (HttpTransport, HttpTransport) {
    let served = HttpTransport::with_extension(config, Arc::new(Echo));
    served.listen().await.unwrap();
    let address = served.local_address().await.unwrap();
    let asking = HttpTransport::new(consumer_config(address), false).unwrap();
    (served, asking)
}

async fn get(asking: &HttpTransport, method: Method, path: &str) -> (StatusCode, String) {
    let body = Bytes::from_static(b"body");
    let answer = asking
        .request(method, path, HeaderMap::new(), body, false)
        .await;
    let answer = answer.unwrap();
    let text = String::from_utf8(answer.body().to_vec()).unwrap();
    (answer.status(), text)
}

#[tokio::test]
async fn it_answers_below_its_prefix_and_nowhere_else() {
    let (served, asking) = extended(local()).await;
    for path in ["/echo", "/echo/a/b"] {
        let (status, text) = get(&asking, Method::PUT, path).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        assert_eq!(text, format!("PUT {path}: body"));
    }
    let (status, text) = get(&asking, Method::POST, "/echoes").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(text.contains("nothing at \\\"/echoes\\\""), "{text}");
    let (status, _) = get(&asking, Method::GET, "/readyz").await;
    assert_eq!(status, StatusCode::OK, "ready with nothing served");
    served.drain().await.unwrap();
    let (status, _) = get(&asking, Method::GET, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    served.close().await.unwrap();
}

#[tokio::test]
async fn contracts_are_offered_but_not_called_beside_it() {
    let (served, asking) = extended(local()).await;
    let channel = served.channel("orders").await.unwrap();
    channel
        .serve(Arc::new(Service::new(Orders::new("1.4.0")).unwrap()))
        .await
        .unwrap();
    let consumer = asking.channel("orders").await.unwrap();
    let offer = consumer.discover(&ORDERS).await.unwrap();
    assert_eq!(offer.versions()[0].version.to_string(), "1.4.0");
    let (status, _) = get(&asking, Method::POST, "/orders/v1/quote").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    channel.close().await.unwrap();
}

#[tokio::test]
async fn bounds_are_those_of_the_listener() {
    let config = HttpConfig {
        max_payload: 1000,
        ..local()
    };
    let (served, asking) = extended(config).await;
    let body = Bytes::from(vec![b'a'; 80 * 1024]);
    let answer = asking
        .request(Method::POST, "/echo", HeaderMap::new(), body, false)
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    served.close().await.unwrap();
}

#[tokio::test]
async fn requests_go_to_whoever_can_be_reached_and_tokens_nowhere_in_the_open() {
    let (served, _) = extended(local()).await;
    let address = served.local_address().await.unwrap();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = gone.local_addr().unwrap();
    drop(gone);
    let urls = [nobody, address].map(|address| format!("http://{address}").parse().unwrap());
    let config = HttpConfig {
        urls: urls.to_vec(),
        ..HttpConfig::default()
    };
    let asking = HttpTransport::new(config, false).unwrap();
    let (status, _) = get(&asking, Method::POST, "/echo").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let config = HttpConfig {
        urls: vec!["http://192.0.2.1".parse().unwrap()],
        ..HttpConfig::default()
    };
    let asking = HttpTransport::new(config, false).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
    let error = asking
        .request(Method::GET, "/echo", headers, Bytes::new(), false)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.message().contains("a token is not sent there"),
        "{error}"
    );
    let asking = HttpTransport::new(HttpConfig::default(), false).unwrap();
    let error = asking
        .request(Method::GET, "/echo", HeaderMap::new(), Bytes::new(), false)
        .await
        .unwrap_err();
    assert!(error.message().starts_with("url is missing"), "{error}");
    served.close().await.unwrap();
}
