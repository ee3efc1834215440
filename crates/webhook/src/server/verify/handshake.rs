//! The handshake of `CloudEvents` HTTP webhook 1.0 section 4.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method};

use super::apply::Candidate;
use super::{NO_CONSENT, UNREACHABLE};
use crate::deliver::SendLimits;
use crate::guard::Target;
use crate::record::Subscription;
use crate::schedule::{Answer, Meaning};
use crate::server::Inner;
use crate::server::reply::set;
use crate::wire::{ALLOWED_ORIGIN, ALLOWED_RATE, REQUEST_ORIGIN, REQUEST_RATE, SUBSCRIPTION};

impl Inner {
    /// Asks whether this origin may deliver, and how many a minute: `None` for any number.
    pub(super) async fn handshake(
        &self,
        subscription: &Subscription,
        candidate: &Candidate,
        target: &Target,
    ) -> Result<Option<u32>, &'static str> {
        let mut headers = self.common_headers(subscription, candidate);
        if let Some(rate) = subscription.terms.rate {
            headers.insert(REQUEST_RATE, rate.per_minute.into());
        }
        let limits = SendLimits {
            deadline: self.options.consent_deadline,
            body: 0,
        };
        let sent = self
            .sender
            .send(target, Method::OPTIONS, headers, Bytes::new(), limits)
            .await;
        if matches!(sent.answer, Answer::Failed(_)) {
            return Err(UNREACHABLE);
        }
        let text = |name| sent.headers.get(name).and_then(|value| value.to_str().ok());
        let origin = text(ALLOWED_ORIGIN).unwrap_or_default().trim();
        let named = origin == "*" || origin.eq_ignore_ascii_case(&self.options.origin);
        // By the header alone: a sink that knows nothing of webhooks may answer with any status.
        if !named || sent.answer.meaning() != Meaning::Accepted {
            return Err(NO_CONSENT);
        }
        let rate = text(ALLOWED_RATE).and_then(|rate| rate.trim().parse().ok());
        Ok(rate.filter(|rate| *rate > 0))
    }

    /// What both questions say.
    pub(super) fn common_headers(
        &self,
        subscription: &Subscription,
        candidate: &Candidate,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        set(&mut headers, REQUEST_ORIGIN, &self.options.origin);
        let version = candidate.version.to_string();
        set(
            &mut headers,
            HeaderName::from_static("contract-version"),
            &version,
        );
        let id = subscription.id.as_str();
        set(&mut headers, SUBSCRIPTION, id);
        headers
    }
}
