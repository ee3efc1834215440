use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use polywire_core::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::{HttpRepository, RepositoryUrl, answer, tls};
use crate::refusal::Refusal;

type Hyper = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Requests to one repository, from threads that wait for them.
pub(super) struct Client {
    /// Taken when it ends.
    runtime: Option<Runtime>,
    hyper: Hyper,
    url: RepositoryUrl,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

/// The largest head of an answer, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// For how long a connection is kept that nobody uses: less than servers do.
const IDLE: Duration = Duration::from_secs(4);
/// How many names may be looked up at once, where the system does not answer.
const LOOKUPS: usize = 4;

impl Client {
    pub(super) fn new(config: &HttpRepository) -> Result<Self> {
        if let Some((key, text)) = config.contradiction() {
            return Err(Error::new(ErrorKind::Config, format!("{key}: {text}")));
        }
        let authorization = config.token.as_ref().and_then(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        // Shared among the addresses of the host, so that each of them is tried.
        http.set_connect_timeout(Some(config.timeout / 2));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client(config.ca.as_deref())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let hyper = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .http1_max_buf_size(MAX_HEAD)
            .build(connector);
        // A thread of its own, which keeps its connections while nobody asks, and which a caller in any runtime may wait for.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(LOOKUPS)
            .thread_name("polywire-fetch")
            .enable_all()
            .build()
            .map_err(|error| {
                let text = format!("no thread to fetch plugins on: {error}");
                Error::new(ErrorKind::Internal, text)
            })?;
        Ok(Self {
            runtime: Some(runtime),
            hyper,
            url: config.url.clone(),
            authorization,
            timeout: config.timeout,
        })
    }

    pub(super) fn url(&self) -> &RepositoryUrl {
        &self.url
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The address of a file.
    pub(super) fn at(&self, below: &Path) -> String {
        self.url.below(below)
    }

    /// A request for a file, or about it.
    pub(super) fn request(
        &self,
        method: &Method,
        url: &str,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, Refusal> {
        const AGENT: &str = concat!("polywire-plugin/", env!("CARGO_PKG_VERSION"));
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, AGENT);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if method == Method::PUT {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(Bytes::from(body))).map_err(|error| {
            answer::unreachable(url, io::ErrorKind::InvalidInput, error.to_string())
        })
    }

    /// Sends a request and has the answer looked at, all of it within the time that there is.
    pub(super) fn ask<T, L, F>(
        &self,
        request: Request<Full<Bytes>>,
        url: &str,
        look: L,
    ) -> Result<T, Refusal>
    where
        T: Send + 'static,
        L: FnOnce(Response<Incoming>, String) -> F + Send + 'static,
        F: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        let (hyper, repository, patience) =
            (self.hyper.clone(), self.url.to_string(), self.timeout);
        let about = url.to_owned();
        let asked = async move {
            let answer = hyper.request(request).await;
            let answer = answer.map_err(|error| answer::none(&error, &repository, &about))?;
            look(answer, about).await
        };
        let late = || {
            let text = format!("no answer within {patience:?}: timeout is for longer ones");
            answer::unreachable(url, io::ErrorKind::TimedOut, text)
        };
        match self.wait(async move { timeout(patience, asked).await }) {
            Some(Ok(answered)) => answered,
            Some(Err(_)) => Err(late()),
            None => Err(answer::unreachable(url, io::ErrorKind::Other, ENDED)),
        }
    }

    /// Waits until the thread of this client has done something; nothing when it has failed at it.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = sync_channel(1);
        self.runtime.as_ref()?.spawn(async move {
            // There is room for it.
            let _ = tell.send(work.await);
        });
        told.recv().ok()
    }
}

/// What is said when the client's own thread has ended.
pub(super) const ENDED: &str = "the request was given up, by a fault of this process";

/// Marks a request for a file that changes: caches are to ask the server (RFC 9111 section 5.2.1.4).
pub(super) fn uncached(request: &mut Request<Full<Bytes>>) {
    let headers = request.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Without waiting: whoever drops it may be in another runtime.
            runtime.shutdown_background();
        }
    }
}
