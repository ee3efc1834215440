//! Where this end is and where its provider is.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Response};
use polywire_core::{Error, ErrorKind, Result, Token};
use polywire_http::HttpTransport;
use serde::Serialize;

use crate::wire::HOOKS_PATH;

/// The two addresses of a consumer: its hooks', and its provider's.
#[derive(Debug)]
pub(crate) struct Place {
    http: Arc<HttpTransport>,
    /// The URL by which others reach the listener, if it is not its address.
    public_url: Option<String>,
    /// Shown to the provider where nobody gives another one.
    token: Option<Token>,
}

impl Place {
    pub(crate) fn new(
        http: Arc<HttpTransport>,
        public_url: Option<String>,
        token: Option<Token>,
    ) -> Self {
        Self {
            http,
            public_url,
            token,
        }
    }

    /// The URL of a hook; whatever it is for, it is listened for from now on.
    ///
    /// # Errors
    /// `Config` when nothing can be listened on.
    pub(crate) async fn hook(&self, id: &str) -> Result<String> {
        self.http.listen().await?;
        let base = match &self.public_url {
            Some(url) => url.clone(),
            None => self.http.local_url().await.ok_or_else(|| {
                let text = "a consumer over webhooks needs listen = \"ADDRESS:PORT\" in its [transport] table, and public_url where others reach it elsewhere";
                Error::new(ErrorKind::Config, text)
            })?,
        };
        Ok(format!("{}{HOOKS_PATH}{id}", base.trim_end_matches('/')))
    }

    /// Posts a document to the provider.
    pub(crate) async fn post(
        &self,
        path: &str,
        document: &(impl Serialize + Sync),
        token: Option<&Token>,
    ) -> Result<Response<Bytes>> {
        let body = serde_json::to_vec(document).map_err(|error| {
            Error::new(ErrorKind::Internal, "a request has no JSON form").caused_by(error)
        })?;
        self.ask(Method::POST, path, HeaderMap::new(), body.into(), token)
            .await
    }

    /// Asks the provider something.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Bytes,
        token: Option<&Token>,
    ) -> Result<Response<Bytes>> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = token.or(self.token.as_ref()) {
            headers.insert(AUTHORIZATION, polywire_http::bearer(token)?);
        }
        self.http.request(method, path, headers, body, false).await
    }
}
