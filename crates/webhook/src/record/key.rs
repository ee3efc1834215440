//! The keys of a subscription, as they are kept.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::signature::Algorithm;

/// A key that deliveries of a subscription are signed with, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// Names it among the keys of its subscription.
    pub id: String,
    /// How it signs.
    #[serde(with = "algorithm")]
    pub algorithm: Algorithm,
    /// The `whsec_` or `whsk_` text, encrypted.
    pub sealed: Sealed,
    /// The `whpk_` text that belongs to it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops signing, because another has taken over; `None` for the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<Timestamp>,
}

/// Encrypted bytes, and which key of the configuration they were encrypted with, so that that one can rotate too.
///
/// Its `Debug` shows no bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// Names the key of the configuration.
    pub by: String,
    /// The nonce, the encrypted bytes and their tag.
    #[serde(serialize_with = "encoded", deserialize_with = "decoded")]
    pub bytes: Vec<u8>,
}

impl KeyRecord {
    /// Whether it signs now.
    #[must_use]
    pub fn signs(&self, now: Timestamp) -> bool {
        self.retires_at.is_none_or(|retires| now < retires)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(by {:?}, redacted)", self.by)
    }
}

fn encoded<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn decoded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD
        .decode(String::deserialize(deserializer)?)
        .map_err(de::Error::custom)
}

mod algorithm {
    use super::{Algorithm, Deserialize, Deserializer, Serializer, de};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(super) fn serialize<S: Serializer>(
        algorithm: &Algorithm,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(algorithm.version())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Algorithm, D::Error> {
        let text = String::deserialize(deserializer)?;
        [Algorithm::HmacSha256, Algorithm::Ed25519]
            .into_iter()
            .find(|algorithm| algorithm.version() == text)
            .ok_or_else(|| de::Error::unknown_variant(&text, &["v1", "v1a"]))
    }
}
