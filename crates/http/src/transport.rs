//! The transport: from `[transport.http]` to channels.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use parking_lot::Mutex;
use polywire_core::config::Section;
use polywire_core::{
    Capability, Channel, Environment, Error, ErrorKind, Result, Transport, TransportFactory,
};

use crate::channel::HttpChannel;
use crate::client::Client;
use crate::config::HttpConfig;
use crate::extension::Extension;
use crate::server::Provider;

/// Makes HTTP transports.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpFactory;

impl TransportFactory for HttpFactory {
    fn name(&self) -> &'static str {
        "http"
    }

    fn summary(&self) -> &'static str {
        "HTTP/1.1 and HTTP/2, for peers that need not be trusted and for curl"
    }

    fn build(&self, section: &Section, environment: &Environment) -> Option<Arc<dyn Transport>> {
        let config = HttpConfig::read(section, environment.authenticator.is_some())?;
        Some(Arc::new(HttpTransport::of(config)))
    }
}

/// A configured HTTP transport: its channels share connections and one listener.
#[derive(Debug)]
pub struct HttpTransport {
    config: HttpConfig,
    provider: Arc<Provider>,
    client: Mutex<Option<Arc<Client>>>,
    ids: AtomicU64,
}

impl HttpTransport {
    /// A transport of these settings. `authenticated` says that whatever is served has an authenticator.
    ///
    /// # Errors
    /// As [`HttpConfig::check`].
    pub fn new(config: HttpConfig, authenticated: bool) -> Result<Self> {
        config.check(authenticated)?;
        Ok(Self::of(config))
    }

    /// A transport of checked settings, on whose listener an extension answers.
    #[must_use]
    pub fn with_extension(config: HttpConfig, extension: Arc<dyn Extension>) -> Self {
        Self::make(config, Some(extension))
    }

    fn of(config: HttpConfig) -> Self {
        Self::make(config, None)
    }

    fn make(config: HttpConfig, extension: Option<Arc<dyn Extension>>) -> Self {
        let provider = Arc::new(Provider::new(&config, extension));
        Self {
            config,
            provider,
            client: Mutex::new(None),
            ids: AtomicU64::new(0),
        }
    }

    /// Where it listens, once something is served.
    pub async fn local_address(&self) -> Option<SocketAddr> {
        self.provider.address().await
    }

    /// The URL of where it listens, as consumers configure it.
    pub async fn local_url(&self) -> Option<String> {
        self.provider.url().await
    }

    /// Every contract that is or will be served, as routes to merge into an application of your own, with its own
    /// listener, TLS and middleware. Call it before the first contract is served; then `listen` is not needed.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use polywire_core::Transport;
    /// use polywire_http::{HttpConfig, HttpTransport};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let transport = HttpTransport::new(HttpConfig::default(), false)?;
    /// let app = Router::new().route("/", get(async || "shop")).merge(transport.router());
    /// let orders = transport.channel("orders").await?;
    /// // orders.serve(...) adds its contract to the routes.
    ///
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    /// # serving.abort();
    /// # drop(orders);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Whether callers from beyond this machine are encrypted and authenticated is then the application's concern.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        crate::router::router(self.provider.merge())
    }

    /// Listens before anything is served.
    ///
    /// # Errors
    /// `Config` naming the address when it cannot be listened on.
    pub async fn listen(&self) -> Result<()> {
        self.provider.listen().await
    }

    /// Sends a request to the configured URLs in turn, to the next one when it cannot be connected to, and reads its answer, of which at most
    /// `max_payload` bytes are taken. A token in `authorization` goes nowhere unencrypted beyond this machine unless
    /// `allow_plaintext` says so. `elsewhere` prefers another replica than the one that refused a version last.
    ///
    /// # Errors
    /// `Config` without a URL, `Unavailable` without an answer, `TooLarge` for one beyond the bound.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
        elsewhere: bool,
    ) -> Result<Response<Bytes>> {
        let client = self.client()?.ok_or_else(|| {
            Error::new(
                ErrorKind::Config,
                "url is missing: it says where the provider is",
            )
        })?;
        client.ask(method, path, headers, body, elsewhere).await
    }

    fn client(&self) -> Result<Option<Arc<Client>>> {
        if self.config.urls.is_empty() {
            return Ok(None);
        }
        let mut client = self.client.lock();
        if client.is_none() {
            *client = Some(Arc::new(Client::new(&self.config)?));
        }
        Ok(client.clone())
    }
}

#[async_trait]
impl Transport for HttpTransport {
    fn capability(&self) -> Capability {
        self.config.capability()
    }

    async fn channel(&self, _: &str) -> Result<Arc<dyn Channel>> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(HttpChannel::new(
            id,
            self.config.capability(),
            self.client()?,
            self.provider.clone(),
        )))
    }

    async fn drain(&self) -> Result<()> {
        self.provider.drain(None).await;
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.provider.close(None).await;
        Ok(())
    }
}
