//! Paths, header names and event types of what both ends exchange.

use http::HeaderName;
use serde::{Deserialize, Serialize};

/// Where requests of callers go.
pub(crate) const REQUESTS_PATH: &str = "/webhooks/requests";
/// Where callers register.
pub(crate) const CALLERS_PATH: &str = "/webhooks/callers";
/// Where deliveries, replies and challenges arrive; the id of the hook follows.
pub(crate) const HOOKS_PATH: &str = "/webhooks/hooks/";
/// The paths of this transport on its listener.
pub(crate) const PREFIX: &str = "/webhooks";

/// Names the subscription or the caller that a request is about.
pub(crate) const SUBSCRIPTION: HeaderName = HeaderName::from_static("webhook-subscription");
/// Whether the caller of a refused request has to register again: `unknown`.
pub(crate) const CALLER: HeaderName = HeaderName::from_static("webhook-caller");
/// Who asks for consent, and who delivers (CloudEvents HTTP webhook 1.0 section 4.1).
pub(crate) const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
/// How many deliveries a minute are asked for.
pub(crate) const REQUEST_RATE: HeaderName = HeaderName::from_static("webhook-request-rate");
/// Who may deliver.
pub(crate) const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
/// How many deliveries a minute are allowed.
pub(crate) const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// A challenge, to be echoed.
pub(crate) const VERIFY: &str = "polywire.subscription.verify";
/// A delivery that only tests the way.
pub(crate) const TEST: &str = "polywire.subscription.test";
/// A call that nobody waits for any more.
pub(crate) const CANCEL: &str = "polywire.call.cancel";

/// What has to be echoed to show that a sink knows its keys.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Challenge {
    /// Some random text.
    pub(crate) challenge: String,
}
