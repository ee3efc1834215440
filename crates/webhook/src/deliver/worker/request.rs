//! The headers of an attempt.

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::record::{Delivery, SubscriptionId};
use crate::signature::{ID, SIGNATURE, Signed, TIMESTAMP};

const SUBSCRIPTION: HeaderName = HeaderName::from_static("webhook-subscription");
const ATTEMPT: HeaderName = HeaderName::from_static("webhook-attempt");
const ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const VERSION: HeaderName = HeaderName::from_static("contract-version");
const DEFAULT_TYPE: HeaderValue = HeaderValue::from_static("application/cloudevents+json");

/// What frames a message between two machines is not the publisher's to say.
const FRAMING: [HeaderName; 7] = [
    CONNECTION,
    CONTENT_LENGTH,
    HOST,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The headers that are the same for every delivery of a subscription. `None` when a text cannot be the value of a header.
pub(super) fn common(
    subscription: &SubscriptionId,
    origin: Option<&str>,
    user_agent: &str,
) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(SUBSCRIPTION, value(subscription.as_str())?);
    headers.insert(USER_AGENT, value(user_agent)?);
    if let Some(origin) = origin {
        headers.insert(ORIGIN, value(origin)?);
    }
    Some(headers)
}

/// All headers of an attempt: those of the publisher, and over them those of the transport. `None` when one cannot be sent.
pub(super) fn headers(
    common: &HeaderMap,
    delivery: &Delivery,
    signed: &Signed,
) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(delivery.headers.len() + common.len() + 6);
    for (name, text) in &delivery.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        if !FRAMING.contains(&name) {
            headers.append(name, value(text)?);
        }
    }
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, DEFAULT_TYPE);
    }
    for (name, value) in common {
        headers.insert(name.clone(), value.clone());
    }
    headers.insert(ID, value(&signed.id)?);
    headers.insert(TIMESTAMP, value(&signed.timestamp)?);
    headers.insert(SIGNATURE, value(&signed.signature)?);
    headers.insert(ATTEMPT, HeaderValue::from(delivery.attempts));
    headers.insert(VERSION, value(&delivery.version.to_string())?);
    Some(headers)
}

fn value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}
