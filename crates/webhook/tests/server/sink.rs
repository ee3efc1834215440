//! A real receiver on this machine, which behaves as it is told and remembers what it saw.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use std::sync::Mutex;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How it answers.
#[derive(Clone, Debug)]
pub(crate) struct Manners {
    pub(crate) options: u16,
    pub(crate) origin: Option<&'static str>,
    pub(crate) rate: Option<&'static str>,
    pub(crate) post: u16,
    pub(crate) echo: Echo,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Echo {
    Right,
    Wrong,
    Nothing,
    /// It never answers.
    Never,
    /// Right, once it is released.
    Held,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            options: 204,
            origin: Some("events.acme.example"),
            rate: None,
            post: 200,
            echo: Echo::Right,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) struct Sink {
    pub(crate) url: String,
    manners: Arc<Mutex<Manners>>,
    gate: Arc<Notify>,
    seen: watch::Receiver<Vec<Seen>>,
    serving: JoinHandle<()>,
}

impl Sink {
    pub(crate) async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let manners = Arc::new(Mutex::new(manners));
        let (tell, seen) = watch::channel(Vec::new());
        let gate = Arc::new(Notify::new());
        let (tell, how, held) = (Arc::new(tell), manners.clone(), gate.clone());
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (tell, how, held) = (tell.clone(), how.clone(), held.clone());
                connections.spawn(async move {
                    let answer = service_fn(move |request| {
                        answer(request, tell.clone(), how.clone(), held.clone())
                    });
                    let builder = auto::Builder::new(TokioExecutor::new());
                    // Whoever asks may leave.
                    let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self {
            url,
            manners,
            gate,
            seen,
            serving,
        }
    }

    pub(crate) async fn polite() -> Self {
        Self::start(Manners::default()).await
    }

    pub(crate) fn behave(&self, manners: Manners) {
        *self.manners.lock().unwrap() = manners;
    }

    /// Lets one request go on that is held.
    pub(crate) fn release(&self) {
        self.gate.notify_one();
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// What it saw once there are so many.
    pub(crate) async fn until(&self, count: usize) -> Vec<Seen> {
        let mut seen = self.seen.clone();
        let enough = seen.wait_for(|seen| seen.len() >= count);
        timeout(Duration::from_secs(20), enough)
            .await
            .expect("requests in time")
            .unwrap()
            .clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    tell: Arc<watch::Sender<Vec<Seen>>>,
    how: Arc<Mutex<Manners>>,
    held: Arc<Notify>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let how = how.lock().unwrap().clone();
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let seen = Seen {
        method: head.method,
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body: body.clone(),
    };
    let mut response = Response::new(Full::default());
    if seen.method == Method::OPTIONS {
        *response.status_mut() = how.options.try_into().unwrap();
        if let Some(origin) = how.origin {
            response
                .headers_mut()
                .insert("webhook-allowed-origin", origin.parse().unwrap());
        }
        if let Some(rate) = how.rate {
            response
                .headers_mut()
                .insert("webhook-allowed-rate", rate.parse().unwrap());
        }
    } else {
        *response.status_mut() = how.post.try_into().unwrap();
        let event: Value = serde_json::from_slice(&body).unwrap_or_default();
        let challenge = &event["data"]["challenge"];
        if how.echo == Echo::Held {
            tell.send_modify(|all| all.push(seen.clone()));
            held.notified().await;
        }
        let echo = match how.echo {
            Echo::Right | Echo::Held => json!({ "challenge": challenge }).to_string(),
            Echo::Wrong => json!({ "challenge": "another" }).to_string(),
            Echo::Nothing => String::new(),
            Echo::Never => std::future::pending().await,
        };
        *response.body_mut() = Full::from(echo);
    }
    if how.echo != Echo::Held || seen.method == Method::OPTIONS {
        tell.send_modify(|all| all.push(seen));
    }
    Ok(response)
}
