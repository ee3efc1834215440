//! The paths of this transport on its listener.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use polywire_core::contract::Retry;
use polywire_core::{Error, ErrorKind};
use polywire_http::Extension;

use crate::client::Hooks;
use crate::provider::Provider;
use crate::wire::{HOOKS_PATH, PREFIX, respond};

/// Answers what comes: to hooks at a consumer, to the subscription API and to requests at a provider.
#[derive(Debug)]
pub(crate) struct Paths {
    hooks: Arc<Hooks>,
    /// There once something is served.
    provider: Arc<OnceLock<Arc<Provider>>>,
}

impl Paths {
    pub(crate) fn new(hooks: Arc<Hooks>, provider: Arc<OnceLock<Arc<Provider>>>) -> Self {
        Self { hooks, provider }
    }
}

#[async_trait]
impl Extension for Paths {
    fn prefix(&self) -> &'static str {
        PREFIX
    }

    async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        if request.uri().path().starts_with(HOOKS_PATH) {
            return self.hooks.answer(&request).await;
        }
        match self.provider.get() {
            Some(provider) => provider.answer(request).await,
            None => respond::problem(
                &Error::new(ErrorKind::Unroutable, "nothing is served here yet")
                    .retry_as(Retry::Later),
            ),
        }
    }
}
