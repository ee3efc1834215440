//! The conformance suite over HTTP.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use polywire_core::{Channel, Result, Transport};
use polywire_http::{HttpConfig, HttpTransport};
use polywire_testkit::{Ends, Factory, Replicas, World, WorldOptions};

struct Http;

/// How many replicas the consumers of one world know.
const REPLICAS: usize = 3;

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
        let replicas = Arc::new(Replicas::new(REPLICAS));
        let urls = replicas
            .addresses()
            .iter()
            .map(|address| format!("http://{address}").parse())
            .collect::<Result<_>>()?;
        let consumers = HttpConfig {
            urls,
            ..config.clone()
        };
        let provider = move || {
            let (replicas, config) = (replicas.clone(), config.clone());
            async move {
                let make = |listen| end(HttpConfig { listen, ..config });
                replicas.start(make).await
            }
        };
        Ends::meet(provider, move || end(consumers.clone())).await
    }
}

fn main() -> ExitCode {
    polywire_testkit::main("http", Http)
}
