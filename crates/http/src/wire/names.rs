//! Header names and paths.

use http::{HeaderName, HeaderValue};

pub(crate) const REQUIRE: HeaderName = HeaderName::from_static("contract-require");
pub(crate) const VERSION: HeaderName = HeaderName::from_static("contract-version");
pub(crate) const OFFER: HeaderName = HeaderName::from_static("contract-offer");
pub(crate) const DIGEST: HeaderName = HeaderName::from_static("contract-digest");
pub(crate) const STATUS: HeaderName = HeaderName::from_static("contract-status");
pub(crate) const INSTANCE: HeaderName = HeaderName::from_static("contract-instance");
pub(crate) const KIND: HeaderName = HeaderName::from_static("contract-kind");
pub(crate) const TIMEOUT: HeaderName = HeaderName::from_static("contract-timeout");
pub(crate) const MESSAGE_ID: HeaderName = HeaderName::from_static("contract-message-id");
pub(crate) const ATTEMPT: HeaderName = HeaderName::from_static("contract-attempt");
pub(crate) const ORDERING_KEY: HeaderName = HeaderName::from_static("contract-ordering-key");
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
pub(crate) const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
pub(crate) const SUNSET: HeaderName = HeaderName::from_static("sunset");
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The prefix of metadata entries; the rest of the name is the entry's key.
pub(crate) const META: &str = "contract-meta-";

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
pub(crate) const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
pub(crate) const CLOSE: HeaderValue = HeaderValue::from_static("close");
pub(crate) const VARY: HeaderValue = HeaderValue::from_static("contract-require");

pub(crate) const OFFERS_PATH: &str = "/.well-known/contracts";
pub(crate) const CONTRACTS_PATH: &str = "/contracts/";
pub(crate) const ALIVE_PATH: &str = "/healthz";
pub(crate) const READY_PATH: &str = "/readyz";
