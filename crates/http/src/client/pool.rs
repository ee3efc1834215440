//! Connections, kept and shared.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use polywire_core::Result;

use crate::config::{HttpConfig, Protocol};

type Hyper = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Pooled connections, and a way to get a new one.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pooled: Hyper,
    fresh: Hyper,
}

impl Pool {
    pub(crate) fn new(config: &HttpConfig) -> Result<Self> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(config.connect_timeout));
        http.set_keepalive(Some(Duration::from_secs(60)));
        let tls = config.tls.clone().unwrap_or_default().client()?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http();
        let connector = match config.protocol {
            Protocol::Auto => connector.enable_all_versions().wrap_connector(http),
            Protocol::Http1 => connector.enable_http1().wrap_connector(http),
            Protocol::Http2 => connector.enable_http2().wrap_connector(http),
        };
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            // A provider closes idle connections too, and whoever closes first avoids a race with the next request.
            .pool_idle_timeout(config.idle_timeout / 2)
            .pool_max_idle_per_host(config.max_idle)
            .http1_max_buf_size(config.max_header_bytes.max(8192))
            .http2_only(config.protocol == Protocol::Http2)
            .http2_max_header_list_size(u32::try_from(config.max_header_bytes).unwrap_or(u32::MAX))
            .http2_keep_alive_interval(Some(config.idle_timeout / 2))
            .http2_keep_alive_timeout(config.connect_timeout);
        let pooled = builder.build(connector.clone());
        let fresh = builder.pool_max_idle_per_host(0).build(connector);
        Ok(Self { pooled, fresh })
    }

    /// Sends a request on a kept connection, or on a new one that a load balancer may give to another replica.
    pub(crate) async fn request(
        &self,
        request: Request<Full<Bytes>>,
        fresh: bool,
    ) -> std::result::Result<Response<Incoming>, Error> {
        let client = if fresh { &self.fresh } else { &self.pooled };
        client.request(request).await
    }
}
