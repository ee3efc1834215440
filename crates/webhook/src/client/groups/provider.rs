//! What is asked of the provider's subscription API.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH};
use http::{Method, Response, StatusCode};
use jiff::Timestamp;
use polywire_core::{Dispatched, Error, ErrorKind, MessageId, Result, Token};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::registration::Asked;
use crate::client::place::Place;
use crate::record::{DeliveryState, Float, KeepOrder, OnSunset};
use crate::signature::Algorithm;
use crate::wire::{
    Acknowledge, Acknowledged, Change, Create, DeliveriesDocument, Document, Renew, Rotate, Sign,
    problem_of,
};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const SUBSCRIPTIONS: &str = "/webhooks/subscriptions";
/// How long the provider may take to have the sink's consent.
const CONSENT: &str = "wait=10";
/// How many deliveries are fetched at once.
const PAGE: usize = 100;

/// The provider, as one consumer sees it.
#[derive(Clone, Debug)]
pub(super) struct Provider {
    pub(super) place: Arc<Place>,
    pub(super) token: Option<Token>,
    pub(super) lease: Duration,
    pub(super) sign: Vec<Algorithm>,
}

impl Provider {
    /// Subscribes; its keys are shown this once. `since` asks for what was published from then on.
    pub(super) async fn create(
        &self,
        asked: &Asked,
        sink: String,
        since: Timestamp,
    ) -> Result<Document> {
        let create = Create {
            contract: asked.requirement.contract().clone(),
            version: asked.requirement.list_text().to_owned(),
            known: asked.requirement.known().map(ToString::to_string),
            float: Float::Minor,
            events: vec![asked.event.clone()],
            group: asked.group.clone(),
            sink,
            sign: self
                .sign
                .iter()
                .map(|algorithm| match algorithm {
                    Algorithm::HmacSha256 => Sign::Hmac,
                    Algorithm::Ed25519 => Sign::Ed25519,
                })
                .collect(),
            lease_seconds: Some(self.lease.as_secs()),
            rate_per_minute: None,
            order: KeepOrder::ByKey,
            on_sunset: OnSunset::Pause,
            since: Some(since),
        };
        let mut headers = HeaderMap::new();
        let key =
            HeaderValue::try_from(MessageId::random().to_string()).map_err(|_| wrong("key"))?;
        headers.insert(IDEMPOTENCY_KEY, key);
        self.ask(Method::POST, SUBSCRIPTIONS, headers, &create)
            .await
    }

    /// Waits until the sink's consent is there, or was refused.
    pub(super) async fn verify(&self, id: &str) -> Result<Document> {
        let mut headers = HeaderMap::new();
        headers.insert(PREFER, HeaderValue::from_static(CONSENT));
        let path = format!("{SUBSCRIPTIONS}/{id}/verify");
        self.ask(Method::POST, &path, headers, &Renew::default())
            .await
    }

    pub(super) async fn read(&self, id: &str) -> Result<Document> {
        let path = format!("{SUBSCRIPTIONS}/{id}");
        self.get(&path).await
    }

    pub(super) async fn renew(&self, id: &str) -> Result<Document> {
        let renew = Renew {
            lease_seconds: Some(self.lease.as_secs()),
        };
        let path = format!("{SUBSCRIPTIONS}/{id}/lease");
        self.matched(Method::POST, &path, &renew).await
    }

    /// Has deliveries sent to another sink.
    pub(super) async fn move_to(&self, id: &str, sink: &str) -> Result<Document> {
        let change = Change {
            sink: Some(sink.to_owned()),
            ..Change::default()
        };
        let path = format!("{SUBSCRIPTIONS}/{id}");
        self.matched(Method::PATCH, &path, &change).await
    }

    /// Has deliveries go on after they were stopped.
    pub(super) async fn resume(&self, id: &str) -> Result<Document> {
        let path = format!("{SUBSCRIPTIONS}/{id}/resume");
        self.matched(Method::POST, &path, &Renew::default()).await
    }

    /// A key of our own, after somebody else has made one.
    pub(super) async fn rotate(&self, id: &str) -> Result<Document> {
        let path = format!("{SUBSCRIPTIONS}/{id}/rotate");
        self.matched(Method::POST, &path, &Rotate::default()).await
    }

    /// Ends the subscription; that there is none is as good.
    pub(super) async fn delete(&self, id: &str) -> Result<()> {
        let path = format!("{SUBSCRIPTIONS}/{id}");
        let answer = self
            .place
            .ask(
                Method::DELETE,
                &path,
                any(),
                Bytes::new(),
                self.token.as_ref(),
            )
            .await?;
        match answer.status() {
            StatusCode::NO_CONTENT | StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            _ => Err(refusal(&answer)),
        }
    }

    /// What has not been delivered yet, in one of its states, after a sequence number.
    pub(super) async fn undelivered(
        &self,
        id: &str,
        state: DeliveryState,
        after: u64,
    ) -> Result<DeliveriesDocument> {
        let state = serde_json::to_value(state).map_err(|_| wrong("state"))?;
        let state = state.as_str().unwrap_or_default();
        let path =
            format!("{SUBSCRIPTIONS}/{id}/deliveries?after={after}&limit={PAGE}&state={state}");
        self.get(&path).await
    }

    /// Says what need not be delivered any more.
    pub(super) async fn acknowledge(&self, id: &str, sequences: Vec<u64>) -> Result<()> {
        let path = format!("{SUBSCRIPTIONS}/{id}/deliveries/ack");
        let done: Acknowledged = self
            .ask(
                Method::POST,
                &path,
                HeaderMap::new(),
                &Acknowledge { sequences },
            )
            .await?;
        tracing::debug!(subscription = id, done = done.acknowledged.len(), "fetched");
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let (headers, token) = (HeaderMap::new(), self.token.as_ref());
        let answer = self
            .place
            .ask(Method::GET, path, headers, Bytes::new(), token);
        read(&answer.await?)
    }

    async fn matched<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        document: &(impl Serialize + Sync),
    ) -> Result<T> {
        self.ask(method, path, any(), document).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        document: &(impl Serialize + Sync),
    ) -> Result<T> {
        let body = serde_json::to_vec(document).map_err(|_| wrong("document"))?;
        let answer = self
            .place
            .ask(method, path, headers, body.into(), self.token.as_ref())
            .await?;
        read(&answer)
    }
}

/// Whatever its revision is: the group's own record says who changes it.
fn any() -> HeaderMap {
    HeaderMap::from_iter([(IF_MATCH, HeaderValue::from_static("*"))])
}

fn read<T: DeserializeOwned>(answer: &Response<Bytes>) -> Result<T> {
    if !answer.status().is_success() {
        return Err(refusal(answer));
    }
    serde_json::from_slice(answer.body()).map_err(|error| {
        let text = format!("the provider's answer cannot be read: {error}");
        Error::new(ErrorKind::Integrity, text).dispatched_as(Dispatched::Maybe)
    })
}

fn refusal(answer: &Response<Bytes>) -> Error {
    problem_of(answer.body())
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("a {what} has no text"))
}
