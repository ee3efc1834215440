//! The worlds of the conformance suite, each with stores of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use polywire_core::{Channel, Error, ErrorKind, Health, Result, Transport};
use polywire_http::HttpConfig;
use polywire_testkit::{Ends, Facilities, Factory, World, WorldOptions};
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

/// An address that nobody else takes before its provider does: below the ports that systems hand out, and where all of
/// 127.0.0.0/8 is this machine, on a host of this process's own.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let host = if cfg!(target_os = "linux") {
        [127, 2, high, low]
    } else {
        [127, 0, 0, 1]
    };
    loop {
        let port = 12_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 8_000;
        let address = SocketAddr::from((host, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

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
        let addresses: Vec<SocketAddr> = (0..REPLICAS).map(|_| free_address()).collect();
        let urls = addresses
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
        let places: Arc<Mutex<Vec<(SocketAddr, Option<Arc<dyn Channel>>)>>> = Arc::new(Mutex::new(
            addresses
                .into_iter()
                .map(|address| (address, None))
                .collect(),
        ));
        let kept = Arc::new((kept, also_kept));
        let provider = move || {
            let (places, mut config, kept) = (places.clone(), config.clone(), kept.clone());
            async move {
                let is_free = |place: &&mut (SocketAddr, Option<Arc<dyn Channel>>)| {
                    let end = place.1.as_ref();
                    end.is_none_or(|end| end.health() == Health::Closed)
                };
                let listen = places.lock().iter_mut().find(is_free).map(|place| place.0);
                config.http.listen = listen;
                let end = end(config).await?;
                let mut places = places.lock();
                if let Some(place) = places.iter_mut().find(|place| Some(place.0) == listen) {
                    place.1 = Some(end.clone());
                }
                drop(kept);
                Ok(end)
            }
        };
        Ends::meet(provider, move || end(consumers.clone())).await
    }

    fn facilities(&self) -> Facilities {
        Facilities::default()
    }
}
