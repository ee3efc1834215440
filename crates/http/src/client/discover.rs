//! Asking a provider what it offers.

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Request, StatusCode};
use http_body_util::Full;
use polywire_core::contract::{Name, Offer, Retry};
use polywire_core::{Dispatched, Error, ErrorKind, Result};

use super::{Client, refusal};
use crate::error::origin;
use crate::server::Offers;
use crate::wire::{JSON, OFFERS_PATH};

impl Client {
    /// The offer of the first replica that answers.
    pub(crate) async fn discover(&self, contract: &Name) -> Result<Offer> {
        let mut failed = None;
        for base in &self.bases {
            match self.offer_at(base.join(OFFERS_PATH)?, contract).await {
                Ok(offer) => return Ok(offer),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| Error::new(ErrorKind::Config, "no url is configured")))
    }

    async fn offer_at(&self, uri: http::Uri, contract: &Name) -> Result<Offer> {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = uri.clone();
        request.headers_mut().insert(ACCEPT, JSON);
        let answer = self.exchange(request, uri, false, self.max_payload).await?;
        if answer.status != StatusCode::OK {
            return Err(refusal(&answer));
        }
        let offers: Offers = serde_json::from_slice(&answer.body).map_err(|error| {
            let text = format!(
                "the offers of {} cannot be read: {error}",
                origin(&answer.uri)
            );
            Error::new(ErrorKind::Integrity, text).dispatched_as(Dispatched::No)
        })?;
        let served: Vec<&str> = offers.contracts.keys().map(Name::as_str).collect();
        offers.contracts.get(contract).cloned().ok_or_else(|| {
            let text = format!("{} serves no contract {:?} but {served:?}: start its provider there or correct url", origin(&answer.uri), contract.as_str());
            Error::new(ErrorKind::Unavailable, text).retry_as(Retry::Later).dispatched_as(Dispatched::No)
        })
    }
}
