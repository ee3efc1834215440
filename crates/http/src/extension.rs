//! Paths of another transport, beside the contracts of a listener.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

/// Answers requests of a transport that speaks HTTP in its own way, on the listener of this one: with its bounds of size,
/// time and number, its TLS, its health paths and its documents.
///
/// Where there is one, contracts are offered and documented as ever, but their interactions are reached through the
/// extension alone.
#[async_trait]
pub trait Extension: Send + Sync + fmt::Debug + 'static {
    /// Its paths begin with this, such as `/webhooks`. What does not, is `404`.
    fn prefix(&self) -> &'static str;

    /// Answers a request, whose payload is there and within the bound. Whatever goes wrong is an answer too.
    ///
    /// # Cancel safety
    /// The future is dropped when its client goes away.
    async fn answer(&self, request: Request<Bytes>) -> Response<Bytes>;
}

/// Whether a path is an extension's own.
pub(crate) fn takes(extension: &dyn Extension, path: &str) -> bool {
    path.strip_prefix(extension.prefix())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
