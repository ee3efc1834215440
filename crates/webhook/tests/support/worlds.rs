//! The worlds of the conformance suite, each with stores of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use polywire_core::{Channel, Error, ErrorKind, Result, Transport};
use polywire_http::HttpConfig;
use polywire_testkit::{Ends, Facilities, Factory, Replicas, World, WorldOptions};
use polywire_webhook::guard::Policy;
use polywire_webhook::seal::{Keyring, SealingKey};
use polywire_webhook::{StoreConfig, WebhookConfig, WebhookTransport};

/// Makes the stores of worlds.
#[async_trait]
pub(crate) trait Stores: Send + Sync + 'static {
    /// What keeps the data of one end, gone with this value.
    type Kept: Send + Sync + 'static;

    /// A store for one end.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    async fn store(&self) -> Result<(StoreConfig, Self::Kept)>;
}

/// Webhooks over stores of one kind.
pub(crate) struct Webhook<S>(pub(crate) S);

/// How many replicas the consumers of one world know.
const REPLICAS: usize = 3;

fn keys() -> Result<Keyring> {
    Keyring::new([SealingKey::new("conformance", &[7; 32])?])
}

async fn end(config: WebhookConfig) -> Result<Arc<dyn Channel>> {
    WebhookTransport::new(config, None, true)?
        .channel("conformance")
        .await
}

#[async_trait]
impl<S: Stores> Factory for Webhook<S> {
    fn patience(&self) -> Duration {
        Duration::from_secs(180)
    }

    fn case_limit(&self) -> Duration {
        Duration::from_secs(600)
    }

    async fn world(&self, options: WorldOptions) -> Result<Box<dyn World>> {
        let (outgoing, kept) = self.0.store().await?;
        let (incoming, also_kept) = self.0.store().await?;
        let sinks = Policy::default().allow(&["127.0.0.0/8"]);
        let sinks = sinks.map_err(|error| Error::new(ErrorKind::Config, error.to_string()))?;
        let http = HttpConfig {
            max_payload: options.max_payload,
            ..HttpConfig::default()
        };
        let config = WebhookConfig {
            http,
            sinks,
            bounds: options.bounds,
            store: outgoing,
            keys: Some(keys()?),
            ..WebhookConfig::default()
        };
        let replicas = Arc::new(Replicas::new(REPLICAS));
        let urls = replicas
            .addresses()
            .iter()
            .map(|address| format!("http://{address}").parse())
            .collect::<Result<_>>()?;
        let consumers = WebhookConfig {
            http: HttpConfig {
                urls,
                listen: Some(([127, 0, 0, 1], 0).into()),
                ..config.http.clone()
            },
            store: incoming,
            ..config.clone()
        };
        let kept = Arc::new((kept, also_kept));
        let provider = move || {
            let (replicas, mut config, kept) = (replicas.clone(), config.clone(), kept.clone());
            async move {
                let make = |listen| {
                    config.http.listen = listen;
                    end(config)
                };
                let end = replicas.start(make).await;
                drop(kept);
                end
            }
        };
        Ends::meet(provider, move || end(consumers.clone())).await
    }

    fn facilities(&self) -> Facilities {
        Facilities::default()
    }
}
