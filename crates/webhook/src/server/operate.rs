//! What an operator of the provider asks for, as the tenant of the subscription could, without a request.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use polywire_core::{Error, ErrorKind, Result};

use super::Server;
use super::reply::set;
use super::route::Asked;
use crate::record::SubscriptionId;
use crate::wire::Document;

/// How long a sink's consent is waited for: as long as it is asked.
const WAIT: Duration = Duration::from_secs(30);

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// That nothing is delivered until an operator resumes it.
    Pause,
    /// That it goes on.
    Resume,
    /// A new key; the others sign on for a while.
    Rotate,
}

impl Server {
    /// Carries it out, and says what the subscription is then.
    ///
    /// # Errors
    /// `Unroutable` when there is no such subscription, `InvalidPayload` when its state does not allow it, those of the store.
    pub(crate) async fn operate(&self, asks: Asks, id: &SubscriptionId) -> Result<Document> {
        let asked = self.on_behalf(id).await?;
        let answered = match asks {
            Asks::Pause => self.pause(&asked, id).await,
            Asks::Resume => self.resume(&asked, id).await,
            Asks::Rotate => self.rotate(&asked, id).await,
        };
        let reply = answered.map_err(super::reply::Refusal::into_error)?;
        serde_json::from_slice(reply.body()).map_err(|error| {
            Error::new(ErrorKind::Internal, "an answer of ours cannot be read").caused_by(error)
        })
    }

    /// Ends a subscription, with everything that is kept for it.
    ///
    /// # Errors
    /// As [`operate`](Self::operate).
    pub(crate) async fn end(&self, id: &SubscriptionId) -> Result<()> {
        let asked = self.on_behalf(id).await?;
        let ended = self.delete(&asked, id).await;
        ended.map(drop).map_err(super::reply::Refusal::into_error)
    }

    async fn on_behalf(&self, id: &SubscriptionId) -> Result<Asked> {
        let found = self.inner().store.subscription(id).await?;
        let found = found.ok_or_else(|| absent(id))?;
        let mut headers = HeaderMap::new();
        let prefer = HeaderName::from_static("prefer");
        set(&mut headers, prefer, &format!("wait={}", WAIT.as_secs()));
        Ok(Asked {
            tenant: found.terms.tenant,
            headers,
            query: String::new(),
            body: Bytes::new(),
            operator: true,
            token: None,
        })
    }
}

/// There is no subscription of an id.
pub(crate) fn absent(id: &SubscriptionId) -> Error {
    Error::new(
        ErrorKind::Unroutable,
        format!("there is no subscription {id}: it may have ended"),
    )
}
