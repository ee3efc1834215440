//! The same over a real listener.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use polywire_core::Transport;
use polywire_http::{Extension, HttpConfig, HttpTransport};
use polywire_webhook::server::Server;
use serde_json::Value;

use crate::world::{ROOT, sqlite, wish};

#[derive(Debug)]
struct Webhooks(Server);

#[async_trait]
impl Extension for Webhooks {
    fn prefix(&self) -> &'static str {
        "/webhooks"
    }

    async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.0.answer(request).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_are_taken_by_a_listener() {
    let world = sqlite().await;
    let config = HttpConfig {
        listen: Some(([127, 0, 0, 1], 0).into()),
        ..HttpConfig::default()
    };
    let served = HttpTransport::with_extension(config, Arc::new(Webhooks(world.server.clone())));
    served.listen().await.unwrap();
    let address = served.local_address().await.unwrap();
    let config = HttpConfig {
        urls: vec![format!("http://{address}").parse().unwrap()],
        ..HttpConfig::default()
    };
    let asking = HttpTransport::new(config, false).unwrap();
    let ask = async |method: Method, path: &str, body: Bytes| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer acme"));
        headers.insert("prefer", HeaderValue::from_static("wait=20"));
        let answer = asking
            .request(method, path, headers, body, false)
            .await
            .unwrap();
        let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        (answer.status().as_u16(), json)
    };
    let (status, created) = ask(Method::POST, ROOT, wish(&world.sink.url).to_string().into()).await;
    assert_eq!(
        (status, &created["state"]),
        (201, &"active".into()),
        "{created}"
    );
    let path = format!("{ROOT}/{}", created["id"].as_str().unwrap());
    let (status, found) = ask(Method::GET, &path, Bytes::new()).await;
    assert_eq!((status, &found["id"]), (200, &created["id"]));
    let (status, _) = ask(Method::DELETE, &path, Bytes::new()).await;
    assert_eq!(status, 204);
    let (status, problem) = ask(Method::GET, "/webhooks/nothing", Bytes::new()).await;
    assert_eq!(
        (status, &problem["type"]),
        (404, &"urn:polywire:problem:unroutable".into())
    );
    served.close().await.unwrap();
    world.close().await;
}
