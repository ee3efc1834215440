//! What stands between the provider's workers and the consumer: it sees what arrives, and holds it when it is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::sink::{Reply, Seen, Sink, status};

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Nothing,
    /// Deliveries, before the consumer has them.
    Deliveries,
    /// Its answers, before the worker has them.
    Answers,
}

/// What came of one `webhook-id`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Post {
    /// How often it was posted.
    pub(super) posted: usize,
    /// How often the consumer took it.
    pub(super) taken: usize,
}

/// A listener of the consumer's that nobody kills.
pub(super) struct Gate {
    sink: Sink,
    inside: Arc<Inside>,
}

struct Inside {
    consumer: Mutex<Option<SocketAddr>>,
    client: Client<HttpConnector, Full<Bytes>>,
    hold: watch::Sender<Hold>,
    /// How many were held.
    held: watch::Sender<usize>,
    posts: Mutex<BTreeMap<String, Post>>,
}

impl Gate {
    pub(super) async fn start() -> Self {
        let inside = Arc::new(Inside {
            consumer: Mutex::default(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            hold: watch::Sender::new(Hold::Nothing),
            held: watch::Sender::new(0),
            posts: Mutex::default(),
        });
        let answering = inside.clone();
        let sink = Sink::start(move |seen| {
            // A task of its own: what is under way goes on when the worker is killed.
            let passed = tokio::spawn(answering.clone().pass(seen));
            async { passed.await.unwrap() }
        });
        Self {
            sink: sink.await,
            inside,
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.sink.url
    }

    /// Where the consumer is now.
    pub(super) fn lead_to(&self, consumer: SocketAddr) {
        *self.inside.consumer.lock() = Some(consumer);
    }

    /// Holds what comes from now on, and resolves when something is held.
    pub(super) async fn hold(&self, what: Hold) {
        let mut held = self.inside.held.subscribe();
        let before = *held.borrow_and_update();
        self.inside.hold.send_replace(what);
        held.wait_for(|held| *held > before).await.unwrap();
    }

    /// Lets go of what is held.
    pub(super) fn release(&self) {
        self.inside.hold.send_replace(Hold::Nothing);
    }

    /// What came of each `webhook-id`.
    pub(super) fn posts(&self) -> BTreeMap<String, Post> {
        self.inside.posts.lock().clone()
    }
}

impl Inside {
    async fn pass(self: Arc<Self>, seen: Seen) -> Reply {
        let id = seen.id().to_owned();
        let is_delivery = seen.method == Method::POST && !id.is_empty();
        if is_delivery {
            self.posts.lock().entry(id.clone()).or_default().posted += 1;
            self.wait(Hold::Deliveries).await;
        }
        let Some(answer) = self.forward(seen).await else {
            return status(502);
        };
        // A challenge is answered with 200.
        if is_delivery && answer.status() == StatusCode::ACCEPTED {
            self.posts.lock().entry(id).or_default().taken += 1;
            self.wait(Hold::Answers).await;
        }
        answer.map(|body| Full::new(body).boxed_unsync())
    }

    async fn wait(&self, at: Hold) {
        let mut hold = self.hold.subscribe();
        if *hold.borrow() == at {
            self.held.send_modify(|held| *held += 1);
            let _ = hold.wait_for(|hold| *hold != at).await;
        }
    }

    /// What the consumer answers, if it is there.
    async fn forward(&self, seen: Seen) -> Option<Response<Bytes>> {
        let consumer = (*self.consumer.lock())?;
        let mut request = Request::new(Full::new(seen.body));
        *request.method_mut() = seen.method;
        *request.uri_mut() = format!("http://{consumer}{}", seen.path).parse().unwrap();
        *request.headers_mut() = seen.headers;
        let answer = self.client.request(request).await.ok()?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, 1024 * 1024).collect().await.ok()?;
        Some(Response::from_parts(head, body.to_bytes()))
    }
}
