//! Signing, at the provider.

use jiff::Timestamp;
use polywire_core::{Error, ErrorKind};

use super::{Algorithm, MAX_ID_BYTES, MAX_KEYS, SigningKey, text};

/// The keys that a subscription's deliveries are signed with: one, or several while they rotate.
#[derive(Clone, Debug)]
pub struct Signer(Vec<SigningKey>);

/// The three headers of a signed delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `webhook-id`: the same on every attempt.
    pub id: String,
    /// `webhook-timestamp`: whole seconds since 1970, of this attempt.
    pub timestamp: String,
    /// `webhook-signature`: an entry for each key, in their order.
    pub signature: String,
}

/// Why a delivery cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The id cannot be a `webhook-id`.
    #[error(
        "webhook-id of {length} bytes: expected 1 to {MAX_ID_BYTES} of visible ASCII without a dot"
    )]
    Id {
        /// How long it is.
        length: usize,
    },
    /// The time is before 1970.
    #[error("webhook-timestamp of {seconds} seconds: expected a time after 1970")]
    Time {
        /// Seconds since 1970.
        seconds: i64,
    },
}

impl Signer {
    /// Signs with each of the keys, the newest first.
    ///
    /// # Errors
    /// `Config` when there is no key, or more than [`MAX_KEYS`].
    pub fn new(keys: impl Into<Vec<SigningKey>>) -> Result<Self, Error> {
        let keys = keys.into();
        match keys.len() {
            1..=MAX_KEYS => Ok(Self(keys)),
            found => Err(wrong_number(found)),
        }
    }

    /// The algorithms of the keys, in their order.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.0.iter().map(SigningKey::algorithm)
    }

    /// Signs one attempt.
    ///
    /// # Errors
    /// When `id` cannot be a `webhook-id` or `now` is before 1970.
    pub fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> Result<Signed, SignError> {
        if !text::is_id(id) {
            return Err(SignError::Id { length: id.len() });
        }
        let seconds = now.as_second();
        if seconds < 0 {
            return Err(SignError::Time { seconds });
        }
        let timestamp = seconds.to_string();
        let start = format!("{id}.{timestamp}.");
        let mut signature = String::with_capacity(96 * self.0.len());
        for key in &self.0 {
            if !signature.is_empty() {
                signature.push(' ');
            }
            key.sign_into([start.as_bytes(), body], &mut signature);
        }
        Ok(Signed {
            id: id.to_owned(),
            timestamp,
            signature,
        })
    }
}

pub(super) fn wrong_number(found: usize) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("{found} webhook keys: expected 1 to {MAX_KEYS}"),
    )
}
