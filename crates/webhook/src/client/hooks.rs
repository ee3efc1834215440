//! Where deliveries, replies and challenges arrive: each hook accepts what its own keys have signed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ALLOW, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use parking_lot::Mutex;
use polywire_core::cloudevent::CloudEvent;
use polywire_core::{Error, ErrorKind, Result};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::signature::{SignatureHeaders, Verifier};
use crate::wire::{
    ALLOWED_ORIGIN, ALLOWED_RATE, Challenge, HOOKS_PATH, REQUEST_ORIGIN, REQUEST_RATE, TEST,
    VERIFY, respond,
};

/// How long a delivery waits for the keys of a hook that is being registered: the provider may knock before its own
/// answer with the keys has arrived.
const PATIENCE: Duration = Duration::from_secs(5);

/// What takes what a hook has accepted.
#[async_trait]
pub(crate) trait Taker: Send + Sync + fmt::Debug {
    /// Takes a signed event; when it says `Ok`, it is responsible for it.
    ///
    /// # Errors
    /// Those that the sender shall see: `Unsupported` for a version that is not taken, `Overloaded` for later.
    async fn take(&self, webhook_id: &str, event: &CloudEvent<'_>, body: &Bytes) -> Result<()>;
}

/// The hooks of a listener.
#[derive(Debug)]
pub(crate) struct Hooks {
    clock: Arc<dyn Clock>,
    table: Mutex<HashMap<String, Arc<Hook>>>,
}

/// One hook: there from before it is registered until nobody delivers to it any more.
#[derive(Debug)]
pub(crate) struct Hook {
    keys: watch::Sender<Option<Arc<Verifier>>>,
    taker: Arc<dyn Taker>,
}

impl Hook {
    /// Accepts from now on what these keys sign.
    pub(crate) fn trust(&self, keys: Verifier) {
        self.keys.send_replace(Some(Arc::new(keys)));
    }

    async fn keys(&self) -> Option<Arc<Verifier>> {
        let mut keys = self.keys.subscribe();
        let known = timeout(PATIENCE, keys.wait_for(Option::is_some)).await;
        known.ok()?.ok()?.clone()
    }
}

impl Hooks {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            table: Mutex::default(),
        }
    }

    /// A hook of an id, or the one that is there.
    pub(crate) fn open(&self, id: &str, taker: Arc<dyn Taker>) -> Arc<Hook> {
        let mut table = self.table.lock();
        let hook = table.entry(id.to_owned()).or_insert_with(|| {
            Arc::new(Hook {
                keys: watch::Sender::new(None),
                taker,
            })
        });
        hook.clone()
    }

    pub(crate) fn close(&self, id: &str) {
        self.table.lock().remove(id);
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Hook>> {
        self.table.lock().get(id).cloned()
    }

    /// Answers a request to a hook.
    pub(crate) async fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let id = request
            .uri()
            .path()
            .strip_prefix(HOOKS_PATH)
            .unwrap_or_default();
        let hook = self.find(id);
        match *request.method() {
            Method::OPTIONS => consent(request, hook.is_some()),
            Method::POST => match self.accept(hook, request).await {
                Ok(response) => response,
                Err(error) => match error.kind() {
                    // What the senders of webhooks understand by it.
                    ErrorKind::Unsupported => {
                        respond::problem_as(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error)
                    }
                    _ => respond::problem(&error),
                },
            },
            _ => {
                let mut response = respond::problem_as(
                    StatusCode::METHOD_NOT_ALLOWED,
                    &Error::new(
                        ErrorKind::Unsupported,
                        "a hook takes POST, and OPTIONS for consent",
                    ),
                );
                response
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("OPTIONS, POST"));
                response
            }
        }
    }

    async fn accept(
        &self,
        hook: Option<Arc<Hook>>,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>> {
        let headers = SignatureHeaders::of(request.headers())
            .map_err(|error| Error::new(ErrorKind::InvalidPayload, error.to_string()))?;
        // A hook that is not there and a signature that is not good read alike.
        let hook = hook.ok_or_else(stranger)?;
        let keys = hook.keys().await.ok_or_else(stranger)?;
        let body = request.body();
        keys.verify(&headers, body, self.clock.now())
            .map_err(|error| {
                tracing::debug!(%error, "a delivery was refused");
                stranger()
            })?;
        let event = CloudEvent::parse(body)?;
        match event.kind.as_str() {
            VERIFY => {
                let data = event.body()?;
                let asked: Challenge = serde_json::from_slice(&data).map_err(|error| {
                    let text = format!("a challenge cannot be read: {error}");
                    Error::new(ErrorKind::InvalidPayload, text)
                })?;
                respond::json(StatusCode::OK, &asked)
            }
            TEST => Ok(respond::empty(StatusCode::ACCEPTED)),
            _ => {
                hook.taker.take(headers.id(), &event, body).await?;
                Ok(respond::empty(StatusCode::ACCEPTED))
            }
        }
    }
}

fn stranger() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "no hook of ours accepts this: check the URL, the key and the clock",
    )
}

/// The CloudEvents handshake: whoever may knock is told so; the signed challenge shows whether both know the key.
fn consent(request: &Request<Bytes>, known: bool) -> Response<Bytes> {
    let origin = request.headers().get(REQUEST_ORIGIN);
    let (true, Some(origin)) = (known, origin) else {
        return respond::problem(&Error::new(
            ErrorKind::Unroutable,
            "no hook here expects an origin",
        ));
    };
    let mut response = respond::empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("POST"));
    headers.insert(ALLOWED_ORIGIN, origin.clone());
    if request.headers().contains_key(REQUEST_RATE) {
        headers.insert(ALLOWED_RATE, HeaderValue::from_static("*"));
    }
    response
}
