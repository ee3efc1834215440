//! Whether a sink wants what it will be sent: two questions, of which a sink that knows nothing of us answers neither.
//!
//! First the handshake of `CloudEvents` HTTP webhook 1.0 section 4; then a challenge that is signed as what follows will be,
//! which only a sink that the asker controls sends back.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use jiff::Timestamp;
use polywire_core::cloudevent::{CloudEvent, MEDIA_TYPE};
use polywire_core::contract::Version;
use polywire_core::{Error, ErrorKind, Result};
use rand::RngExt;
use serde_json::value::to_raw_value;
use subtle::ConstantTimeEq;

use crate::deliver::{SendLimits, Sender, Sent};
use crate::guard::Target;
use crate::schedule::{Answer, Meaning};
use crate::signature::Signer;
use crate::wire::{
    ALLOWED_ORIGIN, ALLOWED_RATE, Challenge, REQUEST_ORIGIN, REQUEST_RATE, VERIFY, sign,
};

/// Why a sink did not consent. It never says where the sink is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It cannot be reached.
    #[error("the sink cannot be asked for its consent now: {0}")]
    Unreached(Answer),
    /// It did not allow the origin.
    #[error(
        "the sink did not consent: expected an answer to OPTIONS of 2xx with WebHook-Allowed-Origin for this origin, found {0}"
    )]
    Handshake(Answer),
    /// It did not send the challenge back.
    #[error(
        "the sink did not echo the signed challenge: it does not know the key (expected 200, found {0})"
    )]
    Challenge(Answer),
}

impl Refused {
    /// Whether it may consent when it is asked again.
    pub(crate) fn passes(self) -> bool {
        match self {
            Self::Unreached(_) => true,
            Self::Handshake(answer) | Self::Challenge(answer) => {
                matches!(answer.meaning(), Meaning::Retry | Meaning::Throttle)
            }
        }
    }
}

/// Who asks whom.
pub(crate) struct Questions<'a> {
    pub(crate) sender: &'a Sender,
    pub(crate) target: &'a Target,
    /// Whose requests they will be.
    pub(crate) origin: &'a HeaderValue,
    /// What both questions say besides.
    pub(crate) headers: HeaderMap,
    /// How long each may take.
    pub(crate) deadline: Duration,
}

impl Questions<'_> {
    /// Asks whether this origin may send, and how many a minute: `None` for any number.
    pub(crate) async fn handshake(
        &self,
        rate: Option<u32>,
    ) -> std::result::Result<Option<u32>, Refused> {
        let mut headers = self.headers();
        if let Some(rate) = rate {
            headers.insert(REQUEST_RATE, rate.into());
        }
        let limits = SendLimits {
            deadline: self.deadline,
            body: 0,
        };
        let sent = self.ask(Method::OPTIONS, headers, Bytes::new(), limits);
        let sent = sent.await?;
        let text = |name| sent.headers.get(name).and_then(|value| value.to_str().ok());
        let allowed = text(ALLOWED_ORIGIN).unwrap_or_default().trim();
        let named = allowed == "*"
            || allowed
                .as_bytes()
                .eq_ignore_ascii_case(self.origin.as_bytes());
        // By the header too: a sink that knows nothing of webhooks may answer with any status.
        if !named || sent.answer.meaning() != Meaning::Accepted {
            return Err(Refused::Handshake(sent.answer));
        }
        let rate = text(ALLOWED_RATE).and_then(|rate| rate.trim().parse().ok());
        Ok(rate.filter(|rate| *rate > 0))
    }

    /// Sends a challenge, and compares what comes back.
    pub(crate) async fn challenge(
        &self,
        challenge: SignedChallenge,
    ) -> std::result::Result<(), Refused> {
        let mut headers = self.headers();
        headers.extend(challenge.headers);
        let limits = SendLimits {
            deadline: self.deadline,
            ..SendLimits::default()
        };
        let sent = self.ask(Method::POST, headers, challenge.body, limits);
        let sent = sent.await?;
        let echoed = match sent.answer {
            Answer::Status { code: 200, .. } if sent.whole => {
                serde_json::from_slice::<Challenge>(&sent.body).ok()
            }
            _ => None,
        };
        let expected = challenge.text.as_bytes();
        match echoed {
            Some(echoed) if bool::from(echoed.challenge.as_bytes().ct_eq(expected)) => Ok(()),
            _ => Err(Refused::Challenge(sent.answer)),
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.insert(REQUEST_ORIGIN, self.origin.clone());
        headers
    }

    async fn ask(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
        limits: SendLimits,
    ) -> std::result::Result<Sent, Refused> {
        let sent = self.sender.send(self.target, method, headers, body, limits);
        let sent = sent.await;
        match sent.answer {
            Answer::Failed(_) => Err(Refused::Unreached(sent.answer)),
            Answer::Status { .. } => Ok(sent),
        }
    }
}

/// A challenge that is ready to be sent.
pub(crate) struct SignedChallenge {
    text: String,
    headers: HeaderMap,
    body: Bytes,
}

impl SignedChallenge {
    /// A new one from a source, signed with every key that is to sign.
    ///
    /// # Errors
    /// `Internal` when it cannot be written or signed.
    pub(crate) fn new(
        source: String,
        version: Option<Version>,
        signer: &Signer,
        now: Timestamp,
    ) -> Result<Self> {
        let text = format!(
            "{:032x}{:032x}",
            rand::rng().random::<u128>(),
            rand::rng().random::<u128>()
        );
        let challenge = Challenge {
            challenge: text.clone(),
        };
        let data = to_raw_value(&challenge).map_err(|error| {
            Error::new(ErrorKind::Internal, "a challenge has no JSON form").caused_by(error)
        })?;
        let event = CloudEvent {
            specversion: "1.0".to_owned(),
            id: format!("verify_{:032x}", rand::rng().random::<u128>()),
            source,
            kind: VERIFY.to_owned(),
            time: Some(now.to_string()),
            datacontenttype: Some("application/json".to_owned()),
            contractversion: version,
            attempt: 1,
            data: Some(&data),
            ..CloudEvent::default()
        };
        let body = Bytes::from(event.to_json()?);
        let signed = signer.sign(&event.id, now, &body).map_err(|error| {
            Error::new(ErrorKind::Internal, "a challenge cannot be signed").caused_by(error)
        })?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        sign(&mut headers, &signed)?;
        Ok(Self {
            text,
            headers,
            body,
        })
    }
}
