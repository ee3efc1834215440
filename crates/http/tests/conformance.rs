//! The conformance suite over HTTP.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use polywire_core::{Channel, Health, Result, Transport};
use polywire_http::{HttpConfig, HttpTransport};
use polywire_testkit::{Ends, Factory, World, WorldOptions};

struct Http;

/// How many replicas the consumers of one world know.
const REPLICAS: usize = 3;

/// An address that nobody else takes before its provider does: below the ports that systems hand out, and where all of
/// 127.0.0.0/8 is this machine, on a host of this process's own.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let host = if cfg!(target_os = "linux") {
        [127, 1, high, low]
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

async fn end(config: HttpConfig) -> Result<Arc<dyn Channel>> {
    HttpTransport::new(config, true)?
        .channel("conformance")
        .await
}

#[async_trait]
impl Factory for Http {
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn case_limit(&self) -> Duration {
        Duration::from_secs(120)
    }

    async fn world(&self, options: WorldOptions) -> Result<Box<dyn World>> {
        let config = HttpConfig {
            max_payload: options.max_payload,
            bounds: options.bounds,
            ..HttpConfig::default()
        };
        let addresses: Vec<SocketAddr> = (0..REPLICAS).map(|_| free_address()).collect();
        let urls = addresses
            .iter()
            .map(|address| format!("http://{address}").parse())
            .collect::<Result<_>>()?;
        let consumers = HttpConfig {
            urls,
            ..config.clone()
        };
        let places: Arc<Mutex<Vec<(SocketAddr, Option<Arc<dyn Channel>>)>>> = Arc::new(Mutex::new(
            addresses
                .into_iter()
                .map(|address| (address, None))
                .collect(),
        ));
        let provider = move || {
            let (places, config) = (places.clone(), config.clone());
            async move {
                let is_free = |place: &&mut (SocketAddr, Option<Arc<dyn Channel>>)| {
                    place
                        .1
                        .as_ref()
                        .is_none_or(|end| end.health() == Health::Closed)
                };
                let listen = places.lock().iter_mut().find(is_free).map(|place| place.0);
                let end = end(HttpConfig { listen, ..config }).await?;
                if let Some(place) = places
                    .lock()
                    .iter_mut()
                    .find(|place| Some(place.0) == listen)
                {
                    place.1 = Some(end.clone());
                }
                Ok(end)
            }
        };
        Ends::meet(provider, move || end(consumers.clone())).await
    }
}

fn main() -> ExitCode {
    polywire_testkit::main("http", Http)
}
