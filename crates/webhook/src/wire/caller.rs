//! The documents by which a caller registers.

use jiff::Timestamp;
use polywire_core::contract::Name;
use serde::{Deserialize, Serialize};

/// `POST /webhooks/callers`: who will send requests, and where replies go.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCaller {
    /// The contract that is called.
    pub(crate) contract: Name,
    /// The URL that replies go to.
    pub(crate) sink: String,
    /// The `whsec_` key that signs requests and replies; it travels encrypted, or within one machine.
    pub(crate) secret: String,
}

/// The answer: the caller is registered, and its sink has consented.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Caller {
    /// What names it in its requests.
    pub(crate) id: String,
    /// Until when, unless it registers again.
    pub(crate) lease_expires_at: Timestamp,
}
