//! The one way to addresses that others chose: deliveries, and whatever asks a sink for its consent.

mod failure;
mod within;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use polywire_core::{Error, ErrorKind, Result};
use rustls::ClientConfig;
use rustls::crypto::ring::default_provider;
use tokio::time::timeout;

use crate::clock::{Clock, SystemClock};
use crate::guard::{GuardError, GuardedConnector, Policy, Target};
use crate::schedule::{Answer, Failure, retry_after};
use within::Within;

/// The most bytes of an answer's head, and the most that HTTP/2 compresses into one.
const HEAD: u32 = 16 * 1024;
/// How much of an answer HTTP/2 takes before anybody has read it, in bytes: of one answer, and of one connection.
const WINDOWS: [u32; 2] = [64 * 1024, 1024 * 1024];
/// How often a connection of HTTP/2 that is in use is asked whether it still is one, and how long it may take to say so.
const ALIVE: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(5)];

/// An HTTP client that connects through the guard alone.
///
/// It follows no redirect, asks the environment for no proxy, asks for no compression, and takes no more of an answer than it
/// is told. It speaks HTTP/1.1, and HTTP/2 where the other end chooses it (ALPN, RFC 7301). Cloning shares the connections.
#[derive(Clone)]
pub struct Sender {
    client: Client<Within<HttpsConnector<GuardedConnector>>, Full<Bytes>>,
    policy: Arc<Policy>,
    clock: Arc<dyn Clock>,
}

/// How a [`Sender`] connects.
#[derive(Clone, Debug)]
pub struct SenderOptions {
    /// Certificates; by default the public authorities are trusted (Mozilla's list). Its ALPN is set by the sender.
    pub tls: Option<ClientConfig>,
    /// How long a connection may take to come about, with its encryption; 10 s by default. The deadline of each request
    /// bounds it too.
    pub connect: Duration,
    /// How many unused connections are kept to one host; by default as many as an endpoint is sent to at once, 16.
    pub idle: usize,
    /// For how long they are kept, 15 s by default.
    pub idle_for: Duration,
    /// Tells the time, which dates in answers are compared with.
    pub clock: Arc<dyn Clock>,
}

/// How much one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendLimits {
    /// How long everything may take together: the name's look-up, the connection, its encryption, the head and the body of
    /// the answer. 15 s by default.
    pub deadline: Duration,
    /// How many bytes of the answer's body are read, 4 KiB by default. What follows them is not waited for.
    pub body: usize,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The status, or why there is none.
    pub answer: Answer,
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// Its body, of which no more than [`SendLimits::body`] was read.
    pub body: Bytes,
    /// Whether this is all of the body.
    pub whole: bool,
    /// How long it took.
    pub took: Duration,
}

impl Sender {
    /// A sender whose connections are made by a guard.
    ///
    /// # Errors
    /// `Config` when the certificates cannot be used.
    pub fn new(guard: GuardedConnector, options: SenderOptions) -> Result<Self> {
        let policy = Arc::new(guard.policy().clone());
        let mut tls = options.tls.map_or_else(public, Ok)?;
        tls.alpn_protocols.clear();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(guard);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_max_idle_per_host(options.idle)
            .pool_idle_timeout(options.idle_for)
            .http1_max_buf_size(HEAD as usize)
            .http2_max_header_list_size(HEAD)
            .http2_initial_stream_window_size(WINDOWS[0])
            .http2_initial_connection_window_size(WINDOWS[1])
            .http2_keep_alive_interval(ALIVE[0])
            .http2_keep_alive_timeout(ALIVE[1])
            .build(Within::new(connector, options.connect));
        Ok(Self {
            client,
            policy,
            clock: options.clock,
        })
    }

    /// Reads an URL under the policy of the guard.
    ///
    /// # Errors
    /// As [`Target::parse`].
    pub fn target(&self, text: &str) -> std::result::Result<Target, GuardError> {
        Target::parse(text, &self.policy)
    }

    /// Sends one request, and says what came back. Whatever goes wrong is an answer too.
    ///
    /// # Behavior
    /// The request is made once; only one that certainly was not sent, because an unused connection had just ended, is put
    /// on another connection.
    ///
    /// # Cancel safety
    /// Dropping the future ends the request, which may have arrived.
    pub async fn send(
        &self,
        target: &Target,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
        limits: SendLimits,
    ) -> Sent {
        let begun = Instant::now();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target.uri().clone();
        *request.headers_mut() = headers;
        let sent = timeout(limits.deadline, self.exchange(request, limits.body)).await;
        let mut sent = sent
            .unwrap_or(Err(Failure::Timeout))
            .unwrap_or_else(Sent::failed);
        sent.took = begun.elapsed();
        sent
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        limit: usize,
    ) -> std::result::Result<Sent, Failure> {
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| failure::of(&error))?;
        let (head, mut body) = answer.into_parts();
        let mut read = BytesMut::new();
        let mut whole = true;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Failure::Broken)?;
            if let Some(data) = frame.data_ref() {
                let room = limit - read.len();
                read.extend_from_slice(&data[..data.len().min(room)]);
                if data.len() > room {
                    whole = false;
                    break;
                }
            }
        }
        Ok(Sent {
            answer: Answer::Status {
                code: head.status.as_u16(),
                retry_after: retry_after(&head.headers, self.clock.now()),
            },
            headers: head.headers,
            body: read.freeze(),
            whole,
            took: Duration::ZERO,
        })
    }
}

/// Named explicitly, because a process with two providers would make rustls guess and panic.
fn public() -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| {
        let text = format!("the certificates that sinks are checked by cannot be used: {error}");
        Error::new(ErrorKind::Config, text).caused_by(error)
    })?;
    Ok(builder.with_webpki_roots().with_no_client_auth())
}

impl Sent {
    /// What is said of a request that has no answer.
    #[must_use]
    pub fn failed(failure: Failure) -> Self {
        Self {
            answer: Answer::Failed(failure),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            whole: true,
            took: Duration::ZERO,
        }
    }
}

impl Default for SenderOptions {
    fn default() -> Self {
        Self {
            tls: None,
            connect: Duration::from_secs(10),
            idle: 16,
            idle_for: Duration::from_secs(15),
            clock: Arc::new(SystemClock),
        }
    }
}

impl Default for SendLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(15),
            body: 4096,
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
