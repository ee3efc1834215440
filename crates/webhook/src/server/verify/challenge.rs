//! The challenge.

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use polywire_core::cloudevent::{CloudEvent, MEDIA_TYPE};
use rand::RngExt;
use serde_json::value::to_raw_value;
use subtle::ConstantTimeEq;

use super::apply::Candidate;
use super::{NO_ECHO, NOT_ASKED, UNREACHABLE};
use crate::deliver::SendLimits;
use crate::guard::Target;
use crate::record::Subscription;
use crate::schedule::Answer;
use crate::server::Inner;
use crate::server::reply::set;
use crate::signature::Signer;
use crate::wire::{Challenge, VERIFY, sign};

impl Inner {
    /// Sends a challenge, signed with every key that is to sign, and compares what comes back.
    pub(super) async fn challenge(
        &self,
        subscription: &Subscription,
        candidate: &Candidate,
        target: &Target,
        signer: &Signer,
    ) -> Result<(), &'static str> {
        let challenge = Challenge {
            challenge: format!(
                "{:032x}{:032x}",
                rand::rng().random::<u128>(),
                rand::rng().random::<u128>()
            ),
        };
        let id = format!("verify_{:032x}", rand::rng().random::<u128>());
        let now = self.now();
        let data = to_raw_value(&challenge).map_err(|_| NOT_ASKED)?;
        let event = CloudEvent {
            specversion: "1.0".to_owned(),
            id: id.clone(),
            source: format!("/{}", subscription.terms.contract()),
            kind: VERIFY.to_owned(),
            time: Some(now.to_string()),
            datacontenttype: Some("application/json".to_owned()),
            contractversion: Some(candidate.version.clone()),
            attempt: 1,
            data: Some(&data),
            ..CloudEvent::default()
        };
        let body = event.to_json().map_err(|_| NOT_ASKED)?;
        let signed = signer
            .sign(&id, now, body.as_bytes())
            .map_err(|_| NOT_ASKED)?;
        let mut headers = self.common_headers(subscription, candidate);
        set(&mut headers, CONTENT_TYPE, MEDIA_TYPE);
        sign(&mut headers, &signed).map_err(|_| NOT_ASKED)?;
        let limits = SendLimits {
            deadline: self.options.consent_deadline,
            ..SendLimits::default()
        };
        let sent = self
            .sender
            .send(target, Method::POST, headers, Bytes::from(body), limits)
            .await;
        match sent.answer {
            Answer::Failed(_) => return Err(UNREACHABLE),
            Answer::Status { code: 200, .. } if sent.whole => {}
            Answer::Status { .. } => return Err(NO_ECHO),
        }
        let echo: Challenge = serde_json::from_slice(&sent.body).map_err(|_| NO_ECHO)?;
        let same = echo
            .challenge
            .as_bytes()
            .ct_eq(challenge.challenge.as_bytes());
        if bool::from(same) {
            Ok(())
        } else {
            Err(NO_ECHO)
        }
    }
}
