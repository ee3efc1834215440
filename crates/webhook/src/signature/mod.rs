//! Standard Webhooks 1.0.0: signing and verifying of deliveries, at both ends.
//!
//! What is signed is `id "." timestamp "." body`: the raw bytes of the body, whatever they are, and the two header values as
//! they stand on the wire. `webhook-signature` lists `version,base64` entries, one for each key while keys rotate; any one
//! that matches a key of its own kind accepts, entries of unknown versions are skipped. `v1` is HMAC-SHA256 (RFC 2104),
//! `v1a` pure ed25519 (RFC 8032). A `v1` entry is never compared by the bytes of a public key.

mod headers;
mod key;
mod mac;
mod sign;
#[cfg(test)]
mod tests;
mod text;
mod verify;

pub use headers::{HeadersError, ID, SIGNATURE, SignatureHeaders, TIMESTAMP};
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use sign::{SignError, Signed, Signer};
pub use verify::{Verifier, VerifyError};

use std::fmt;

/// How a key signs, which its prefix says and no message can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `v1`: HMAC-SHA256 with a secret that both ends hold.
    HmacSha256,
    /// `v1a`: ed25519, whose private half only the provider holds.
    Ed25519,
}

impl Algorithm {
    /// How an entry of `webhook-signature` begins.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::HmacSha256 => "v1",
            Self::Ed25519 => "v1a",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.version())
    }
}

/// The most keys that one end signs or verifies with at once.
pub const MAX_KEYS: usize = 8;
/// The most entries that a `webhook-signature` may list; checked before any of them is.
pub const MAX_SIGNATURES: usize = 16;
/// The longest `webhook-signature`, in bytes: 16 entries of ed25519 and what separates them.
pub const MAX_SIGNATURE_BYTES: usize = 2048;
/// The longest `webhook-id`, in bytes.
pub const MAX_ID_BYTES: usize = 256;
