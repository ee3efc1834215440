//! Names of subscriptions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rand::RngExt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Names a subscription at its provider, such as `sub_3f0c...`; a consumer takes the one that its provider gave.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(Arc<str>);

/// Why a text names no subscription.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a subscription id of {length} bytes: expected 1 to {} of a-z, A-Z, 0-9, '_' and '-'",
    SubscriptionId::MAX
)]
pub struct IdError {
    /// How long the text is.
    pub length: usize,
}

impl SubscriptionId {
    /// The longest id, in bytes.
    pub const MAX: usize = 128;

    /// A new id of 128 random bits, which nobody guesses.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("sub_{:032x}", rand::rng().random::<u128>()).into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SubscriptionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (1..=Self::MAX).contains(&text.len()) && text.bytes().all(valid) {
            Ok(Self(text.into()))
        } else {
            Err(IdError { length: text.len() })
        }
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for SubscriptionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SubscriptionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}
