//! Connections that come about in time or not at all, even when whoever asked has left.

use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Uri;
use tokio::time::timeout;
use tower_service::Service;

use crate::guard::ConnectError;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Bounds the time of a connector, its encryption included.
///
/// The client goes on with a connection in the background when another one has become free meanwhile, and a sink that
/// never answers a handshake would keep such connections for ever.
#[derive(Clone, Debug)]
pub(super) struct Within<C> {
    connector: C,
    limit: Duration,
}

impl<C> Within<C> {
    pub(super) fn new(connector: C, limit: Duration) -> Self {
        Self { connector, limit }
    }
}

impl<C> Service<Uri> for Within<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Response: Send,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<C::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = timeout(self.limit, self.connector.call(uri));
        Box::pin(async move {
            let connected = connecting.await;
            connected.unwrap_or_else(|_| Err(Box::new(ConnectError::Timeout)))
        })
    }
}
