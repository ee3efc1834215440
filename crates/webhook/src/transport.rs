//! The transport: from `[transport.webhook]` to channels.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use parking_lot::Mutex;
use polywire_core::config::Section;
use polywire_core::{
    Authenticator, Capability, Channel, Environment, Result, Transport, TransportFactory,
};

use crate::channel::WebhookChannel;
use crate::config::WebhookConfig;
use crate::node::Node;

/// Makes webhook transports from `[transport.webhook]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct WebhookFactory;

impl TransportFactory for WebhookFactory {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn summary(&self) -> &'static str {
        "webhooks: signed, stored and retried deliveries between parties who do not trust each other"
    }

    fn build(&self, section: &Section, environment: &Environment) -> Option<Arc<dyn Transport>> {
        let authenticated = environment.authenticator.is_some();
        let config = WebhookConfig::read(section, &environment.service, authenticated)?;
        Some(Arc::new(WebhookTransport::of(
            config,
            environment.authenticator.clone(),
        )))
    }
}

/// A configured webhook transport: its channels share a listener and two stores.
#[derive(Debug)]
pub struct WebhookTransport {
    node: Arc<Node>,
    channels: Mutex<Vec<Weak<WebhookChannel>>>,
    ids: AtomicU64,
}

impl WebhookTransport {
    /// A transport of these settings. The authenticator verifies who subscribes; without one, whatever is served decides by
    /// its own, and all subscriptions are of one tenant. `authenticated` says that whatever is served has one.
    ///
    /// # Errors
    /// As [`HttpConfig::check`](polywire_http::HttpConfig::check).
    pub fn new(
        config: WebhookConfig,
        authenticator: Option<Arc<dyn Authenticator>>,
        authenticated: bool,
    ) -> Result<Self> {
        config
            .http
            .check(authenticated || authenticator.is_some())?;
        Ok(Self::of(config, authenticator))
    }

    fn of(config: WebhookConfig, authenticator: Option<Arc<dyn Authenticator>>) -> Self {
        Self {
            node: Arc::new(Node::new(config, authenticator)),
            channels: Mutex::default(),
            ids: AtomicU64::new(0),
        }
    }

    fn open(&self) -> Vec<Arc<WebhookChannel>> {
        let channels = self.channels.lock();
        channels.iter().filter_map(Weak::upgrade).collect()
    }

    /// Where it listens, once it does.
    pub async fn local_address(&self) -> Option<SocketAddr> {
        self.node.http.local_address().await
    }

    /// Its paths, as routes to merge into an application of your own; see
    /// [`HttpTransport::router`](polywire_http::HttpTransport::router).
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        self.node.http.router()
    }
}

#[async_trait]
impl Transport for WebhookTransport {
    fn capability(&self) -> Capability {
        self.node.config().capability()
    }

    async fn channel(&self, name: &str) -> Result<Arc<dyn Channel>> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let http = self.node.http.channel(name).await?;
        let channel = Arc::new(WebhookChannel::new(id, self.node.clone(), http));
        let mut channels = self.channels.lock();
        channels.retain(|channel| channel.strong_count() > 0);
        channels.push(Arc::downgrade(&channel));
        Ok(channel)
    }

    async fn drain(&self) -> Result<()> {
        let channels = self.open();
        for drained in
            futures_util::future::join_all(channels.iter().map(|channel| channel.drain())).await
        {
            drained?;
        }
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        for channel in self.open() {
            channel.close().await?;
        }
        Ok(())
    }
}
