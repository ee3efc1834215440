//! Verifying, at the consumer.

use std::time::Duration;

use ed25519_dalek::Signature;
use jiff::Timestamp;
use polywire_core::{Error, ErrorKind};
use subtle::{Choice, ConstantTimeEq};

use super::key::Verifying;
use super::mac::mac;
use super::sign::wrong_number;
use super::{Algorithm, HeadersError, MAX_KEYS, SignatureHeaders, VerifyingKey, text};

/// The keys that deliveries are accepted with, and how far clocks may differ.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Vec<VerifyingKey>,
    tolerance: Duration,
}

/// Why a delivery is not accepted. Nothing in it helps to forge one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The headers cannot be those of a signed delivery.
    #[error(transparent)]
    Headers(#[from] HeadersError),
    /// It was signed too long ago: late, or replayed.
    #[error(
        "webhook-timestamp is {age} s old: at most {tolerance} s are accepted; compare the clocks of both ends"
    )]
    TooOld {
        /// How old it is, in seconds.
        age: u64,
        /// How old it may be, in seconds.
        tolerance: u64,
    },
    /// It was signed in the future.
    #[error(
        "webhook-timestamp is {ahead} s in the future: at most {tolerance} s are accepted; compare the clocks of both ends"
    )]
    TooNew {
        /// How far ahead it is, in seconds.
        ahead: u64,
        /// How far ahead it may be, in seconds.
        tolerance: u64,
    },
    /// No signature is one of a key held here.
    #[error("none of the signatures in webhook-signature is one of the {keys} keys held here")]
    NoMatch {
        /// How many keys are held.
        keys: usize,
    },
}

impl Verifier {
    /// How far clocks may differ unless said otherwise, as the reference libraries have it.
    pub const TOLERANCE: Duration = Duration::from_secs(300);
    /// How far they may be allowed to differ at most.
    pub const MAX_TOLERANCE: Duration = Duration::from_secs(3600);

    /// Accepts what any of the keys has signed.
    ///
    /// # Errors
    /// `Config` when there is no key, or more than [`MAX_KEYS`].
    pub fn new(keys: impl Into<Vec<VerifyingKey>>) -> Result<Self, Error> {
        let keys = keys.into();
        match keys.len() {
            1..=MAX_KEYS => Ok(Self {
                keys,
                tolerance: Self::TOLERANCE,
            }),
            found => Err(wrong_number(found)),
        }
    }

    /// The same with another tolerance, counted in whole seconds. There is none without.
    ///
    /// # Errors
    /// `Config` when it is shorter than a second or longer than [`MAX_TOLERANCE`](Self::MAX_TOLERANCE).
    pub fn with_tolerance(mut self, tolerance: Duration) -> Result<Self, Error> {
        if !(Duration::from_secs(1)..=Self::MAX_TOLERANCE).contains(&tolerance) {
            return Err(Error::new(
                ErrorKind::Config,
                format!("a tolerance of {tolerance:?}: expected 1s to 3600s"),
            ));
        }
        self.tolerance = tolerance;
        Ok(self)
    }

    /// Accepts or refuses a delivery by its headers, the raw bytes of its body and the time now.
    ///
    /// # Behavior
    /// Exactly the tolerance still passes. Signatures of unknown versions, and those that do not decode, are skipped.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(
        &self,
        headers: &SignatureHeaders<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), VerifyError> {
        self.check_time(headers.seconds, now)?;
        let start = format!("{}.{}.", headers.id, headers.timestamp);
        let mut message = Message {
            parts: [start.as_bytes(), body],
            joined: None,
        };
        let mut accepted = Choice::from(0);
        let mut macs: Option<Vec<[u8; 32]>> = None;
        for entry in headers.signature.split_ascii_whitespace() {
            let Some((version, encoded)) = entry.split_once(',') else {
                continue;
            };
            if version == Algorithm::HmacSha256.version() {
                let macs = macs.get_or_insert_with(|| self.macs(message.parts));
                if let Some(found) = signature::<32>(encoded) {
                    // Every one is compared, whichever matched.
                    for expected in macs.iter() {
                        accepted |= found.ct_eq(expected);
                    }
                }
            } else if version == Algorithm::Ed25519.version()
                && let Some(found) = signature::<64>(encoded)
            {
                accepted |= Choice::from(u8::from(self.is_of_a_pair(&found, &mut message)));
            }
        }
        if bool::from(accepted) {
            Ok(())
        } else {
            Err(VerifyError::NoMatch {
                keys: self.keys.len(),
            })
        }
    }

    fn check_time(&self, seconds: i64, now: Timestamp) -> Result<(), VerifyError> {
        let now = now.as_second();
        let tolerance = self.tolerance.as_secs();
        let apart = now.abs_diff(seconds);
        if apart <= tolerance {
            Ok(())
        } else if seconds < now {
            Err(VerifyError::TooOld {
                age: apart,
                tolerance,
            })
        } else {
            Err(VerifyError::TooNew {
                ahead: apart,
                tolerance,
            })
        }
    }

    fn macs(&self, parts: [&[u8]; 2]) -> Vec<[u8; 32]> {
        let secrets = self.keys.iter().filter_map(|key| match &key.0 {
            Verifying::Hmac(secret) => Some(secret),
            Verifying::Ed25519(_) => None,
        });
        secrets.map(|secret| mac(secret, parts)).collect()
    }

    fn is_of_a_pair(&self, signature: &[u8; 64], message: &mut Message<'_>) -> bool {
        let signature = Signature::from_bytes(signature);
        self.keys.iter().any(|key| match &key.0 {
            Verifying::Hmac(_) => false,
            Verifying::Ed25519(public) => {
                public.verify_strict(message.joined(), &signature).is_ok()
            }
        })
    }
}

/// What was signed; joined only for ed25519, which wants it in one piece.
struct Message<'a> {
    parts: [&'a [u8]; 2],
    joined: Option<Vec<u8>>,
}

impl Message<'_> {
    fn joined(&mut self) -> &[u8] {
        self.joined.get_or_insert_with(|| self.parts.concat())
    }
}

fn signature<const N: usize>(encoded: &str) -> Option<[u8; N]> {
    let mut buffer = text::buffer();
    let length = text::decode(encoded, &mut buffer)?;
    buffer[..length].try_into().ok()
}

impl From<VerifyError> for Error {
    fn from(error: VerifyError) -> Self {
        Self::new(ErrorKind::Unauthenticated, error.to_string()).caused_by(error)
    }
}
