//! When the events about subscriptions are offered, and whose name they have.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use polywire_core::contract::Contract;
use polywire_core::{ErrorKind, Service, Transport};
use polywire_http::{HttpConfig, HttpTransport};
use polywire_webhook::WebhookTransport;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::operator::Door;
use super::{Orders, SOON, config, contract};

#[tokio::test]
async fn they_are_not_offered_where_only_services_know_who_somebody_is() {
    let served = super::serve(|_| {}).await;
    let http = HttpConfig {
        urls: vec![served.url().await.parse().unwrap()],
        ..HttpConfig::default()
    };
    let http = HttpTransport::new(http, false).unwrap();
    let ask = async || {
        let asked = json!({
            "contract": "polywire.webhooks", "version": "^1.0", "events": ["endpoint_disabled"],
            "sink": "http://127.0.0.1:1/",
        });
        let body = Bytes::from(asked.to_string());
        let path = "/webhooks/subscriptions";
        let answer = http.request(Method::POST, path, HeaderMap::new(), body, false);
        let answer = timeout(SOON, answer).await.unwrap().unwrap();
        let document: Value = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), document.to_string())
    };
    // Where nobody has to prove who they are, everything is of one tenant.
    let (status, made) = ask().await;
    assert_eq!(status, 201, "{made}");
    let plain = || Service::new(Orders(contract())).unwrap();
    let authenticated = plain().with_authenticator(Arc::new(Door));
    for service in [authenticated, plain()] {
        served.channel.serve(Arc::new(service)).await.unwrap();
        let (status, problem) = ask().await;
        assert_eq!(status, 404, "{problem}");
        assert!(problem.contains("served are orders"), "{problem}");
    }
    served.channel.close().await.unwrap();
}

#[tokio::test]
async fn the_name_of_their_contract_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let transport = WebhookTransport::new(config(&folder), None, false).unwrap();
    let channel = transport.channel("mine").await.unwrap();
    let mine = Contract::builder("polywire.webhooks", "1.0.0")
        .build()
        .unwrap();
    let service = Arc::new(Service::new(Orders(Arc::new(mine))).unwrap());
    let error = channel.serve(service).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("take another name"), "{error}");
    channel.close().await.unwrap();
}
