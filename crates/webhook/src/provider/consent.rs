//! Whether a sink wants what is sent to it: the CloudEvents handshake, then a signed challenge to be echoed.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use polywire_core::MessageId;
use polywire_core::cloudevent::{self, CloudEvent};
use serde_json::value::to_raw_value;

use crate::clock::Clock;
use crate::deliver::{SendLimits, Sender};
use crate::guard::Target;
use crate::schedule::{Answer, Meaning};
use crate::signature::Signer;
use crate::wire::{ALLOWED_ORIGIN, Challenge, REQUEST_ORIGIN, VERIFY, sign};

/// Why a sink did not consent. It never says where the sink is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It cannot be reached, or failed.
    #[error("the sink cannot be asked for its consent now: {0}")]
    Unasked(Answer),
    /// It did not allow the origin.
    #[error(
        "the sink did not consent: its answer to OPTIONS has no WebHook-Allowed-Origin for this origin (status {0})"
    )]
    Handshake(StatusCode),
    /// It did not echo the challenge.
    #[error("the sink did not echo the signed challenge: it does not know the key")]
    Challenge,
}

/// Asks a sink.
pub(crate) async fn ask(
    sender: &Sender,
    clock: &dyn Clock,
    target: &Target,
    origin: &HeaderValue,
    signer: &Signer,
) -> Result<(), Refused> {
    let limits = SendLimits::default();
    let mut headers = HeaderMap::new();
    headers.insert(REQUEST_ORIGIN, origin.clone());
    let sent = sender
        .send(target, Method::OPTIONS, headers, Bytes::new(), limits)
        .await;
    let status = sent
        .answer
        .code()
        .and_then(|code| StatusCode::from_u16(code).ok());
    let Some(status) = status else {
        return Err(Refused::Unasked(sent.answer));
    };
    let allowed = sent.headers.get(ALLOWED_ORIGIN);
    let allows = |value: &HeaderValue| {
        value == "*" || value.as_bytes().eq_ignore_ascii_case(origin.as_bytes())
    };
    if !allowed.is_some_and(allows) {
        return Err(match status.is_server_error() {
            true => Refused::Unasked(sent.answer),
            false => Refused::Handshake(status),
        });
    }
    let challenge = Challenge {
        challenge: MessageId::random().to_string(),
    };
    let (headers, body) = signed(&challenge, clock, origin, signer).ok_or(Refused::Challenge)?;
    let sent = sender
        .send(target, Method::POST, headers, body, limits)
        .await;
    match sent.answer.meaning() {
        Meaning::Accepted => {}
        Meaning::Retry | Meaning::Throttle => return Err(Refused::Unasked(sent.answer)),
        _ => return Err(Refused::Challenge),
    }
    let echoed = serde_json::from_slice::<Challenge>(&sent.body);
    match echoed {
        Ok(echoed) if echoed.challenge == challenge.challenge => Ok(()),
        _ => Err(Refused::Challenge),
    }
}

fn signed(
    challenge: &Challenge,
    clock: &dyn Clock,
    origin: &HeaderValue,
    signer: &Signer,
) -> Option<(HeaderMap, Bytes)> {
    let data = to_raw_value(challenge).ok()?;
    let event = CloudEvent {
        specversion: "1.0".to_owned(),
        id: MessageId::random().to_string(),
        source: "/webhooks".to_owned(),
        kind: VERIFY.to_owned(),
        attempt: 1,
        data: Some(&data),
        ..CloudEvent::default()
    };
    let body = Bytes::from(event.to_json().ok()?);
    let mut headers = HeaderMap::new();
    headers.insert(REQUEST_ORIGIN, origin.clone());
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(cloudevent::MEDIA_TYPE),
    );
    sign(
        &mut headers,
        &signer.sign(&event.id, clock.now(), &body).ok()?,
    )
    .ok()?;
    Some((headers, body))
}
