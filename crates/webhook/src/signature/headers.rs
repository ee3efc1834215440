//! The three headers of a signed delivery, as they came.

use http::{HeaderMap, HeaderName};

use super::{MAX_ID_BYTES, MAX_SIGNATURE_BYTES, MAX_SIGNATURES, text};

/// Names a rendering of an event, the same on every attempt.
pub const ID: HeaderName = HeaderName::from_static("webhook-id");
/// When the attempt was made, in whole seconds since 1970.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// The signatures.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Header values within their bounds; nothing in them has been verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureHeaders<'a> {
    pub(super) id: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) seconds: i64,
    pub(super) signature: &'a str,
}

/// Why headers cannot be those of a signed delivery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadersError {
    /// One is not there.
    #[error("the request has no {0}: expected webhook-id, webhook-timestamp and webhook-signature")]
    Missing(HeaderName),
    /// One is there several times, so that two readers may see different ones.
    #[error("the request has {0} more than once: expected it once")]
    Repeated(HeaderName),
    /// One has bytes that are not visible ASCII or a space.
    #[error("{0} has bytes beyond ASCII")]
    NotAscii(HeaderName),
    /// The id is empty, too long, or has characters that an id cannot have.
    #[error(
        "webhook-id of {length} bytes: expected 1 to {MAX_ID_BYTES} of visible ASCII without a dot"
    )]
    Id {
        /// How long it is.
        length: usize,
    },
    /// The time is no canonical decimal number.
    #[error(
        "webhook-timestamp of {length} bytes is no time: expected whole seconds since 1970, such as 1614265330"
    )]
    Timestamp {
        /// How long it is.
        length: usize,
    },
    /// The list of signatures is too long.
    #[error("webhook-signature of {length} bytes: expected at most {MAX_SIGNATURE_BYTES}")]
    TooLong {
        /// How long it is.
        length: usize,
    },
    /// It lists too many.
    #[error("webhook-signature lists {found} signatures: expected at most {MAX_SIGNATURES}")]
    TooMany {
        /// How many it lists.
        found: usize,
    },
}

impl<'a> SignatureHeaders<'a> {
    /// Checks three header values.
    ///
    /// # Errors
    /// When one is out of its bounds.
    pub fn new(id: &'a str, timestamp: &'a str, signature: &'a str) -> Result<Self, HeadersError> {
        if !text::is_id(id) {
            return Err(HeadersError::Id { length: id.len() });
        }
        let seconds = text::seconds(timestamp).ok_or(HeadersError::Timestamp {
            length: timestamp.len(),
        })?;
        if signature.len() > MAX_SIGNATURE_BYTES {
            return Err(HeadersError::TooLong {
                length: signature.len(),
            });
        }
        let found = signature.split_ascii_whitespace().count();
        if found > MAX_SIGNATURES {
            return Err(HeadersError::TooMany { found });
        }
        Ok(Self {
            id,
            timestamp,
            seconds,
            signature,
        })
    }

    /// Takes them from a request's headers.
    ///
    /// # Errors
    /// When one is missing, there twice, or out of its bounds.
    pub fn of(headers: &'a HeaderMap) -> Result<Self, HeadersError> {
        let one = |name: HeaderName| {
            let mut values = headers.get_all(&name).iter();
            let Some(value) = values.next() else {
                return Err(HeadersError::Missing(name));
            };
            if values.next().is_some() {
                return Err(HeadersError::Repeated(name));
            }
            value.to_str().map_err(|_| HeadersError::NotAscii(name))
        };
        Self::new(one(ID)?, one(TIMESTAMP)?, one(SIGNATURE)?)
    }

    /// The `webhook-id`.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// The `webhook-timestamp`, in seconds since 1970.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.seconds
    }
}
