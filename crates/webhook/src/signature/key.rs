//! Keys and their texts: `whsec_`, `whsk_` and `whpk_`.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek as ed25519;
use ed25519_dalek::Signer as _;
use rand::RngExt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::mac::mac;
use super::{Algorithm, text};

const SECRET: &str = "whsec_";
const PAIR: &str = "whsk_";
const PUBLIC: &str = "whpk_";
/// What the standard asks of a secret is 24 to 64 bytes; Svix issues up to 75, which are taken.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=75;
const NEW_SECRET_BYTES: usize = 32;
const SEED_BYTES: usize = 32;
const PAIR_BYTES: usize = 64;

/// Why a text is no key. The text itself is in no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It begins with no prefix that fits here.
    #[error("a key of {length} characters begins with none of the prefixes that fit here: {valid}")]
    Prefix {
        /// How long the text is.
        length: usize,
        /// The prefixes that fit.
        valid: &'static str,
    },
    /// A public key where one that signs is needed.
    #[error("whpk_ is a public key and cannot sign: use the whsk_ key that it belongs to")]
    CannotSign,
    /// A private key where its public half belongs.
    #[error(
        "whsk_ is a private key, which whoever verifies must not hold: use the whpk_ key that belongs to it"
    )]
    Private,
    /// What follows the prefix is no base64.
    #[error("what follows {prefix} is no base64 of the standard alphabet, or longer than any key")]
    Base64 {
        /// The prefix.
        prefix: &'static str,
    },
    /// It has the wrong number of bytes.
    #[error("{prefix} is followed by {found} bytes: expected {expected}")]
    Length {
        /// The prefix.
        prefix: &'static str,
        /// How many bytes there are.
        found: usize,
        /// How many there may be.
        expected: &'static str,
    },
    /// The two halves of a key pair do not belong together.
    #[error(
        "the public half of the whsk_ key is not that of its seed: take the key again from whoever issued it"
    )]
    Halves,
    /// The public key is no point of the curve, or one of small order, which any message would verify with.
    #[error("the whpk_ key is no usable ed25519 public key")]
    Weak,
}

/// A key that signs: a `whsec_` secret or a `whsk_` pair.
///
/// Its `Debug` shows the algorithm only, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct SigningKey(Signing);

#[derive(Clone)]
enum Signing {
    Hmac(Zeroizing<Vec<u8>>),
    Ed25519(Box<ed25519::SigningKey>),
}

/// A key that verifies: a `whsec_` secret or a `whpk_` public key.
///
/// Its `Debug` shows a public key, and of a secret nothing.
#[derive(Clone)]
pub struct VerifyingKey(pub(super) Verifying);

#[derive(Clone)]
pub(super) enum Verifying {
    Hmac(Zeroizing<Vec<u8>>),
    Ed25519(Box<ed25519::VerifyingKey>),
}

impl SigningKey {
    /// A new `v1` secret of 32 random bytes.
    #[must_use]
    pub fn generate_hmac() -> Self {
        let mut bytes = Zeroizing::new(vec![0; NEW_SECRET_BYTES]);
        rand::rng().fill(bytes.as_mut_slice());
        Self(Signing::Hmac(bytes))
    }

    /// A new `v1a` key pair from 32 random bytes.
    #[must_use]
    pub fn generate_ed25519() -> Self {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        rand::rng().fill(seed.as_mut_slice());
        Self(Signing::Ed25519(Box::new(ed25519::SigningKey::from_bytes(
            &seed,
        ))))
    }

    /// How it signs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Signing::Hmac(_) => Algorithm::HmacSha256,
            Signing::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// What the other end verifies with: the same secret, or the public half.
    #[must_use]
    pub fn verifying(&self) -> VerifyingKey {
        VerifyingKey(match &self.0 {
            Signing::Hmac(secret) => Verifying::Hmac(secret.clone()),
            Signing::Ed25519(pair) => Verifying::Ed25519(Box::new(pair.verifying_key())),
        })
    }

    /// The text of the key, to be shown once or sealed. Do not log it.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        match &self.0 {
            Signing::Hmac(secret) => written(SECRET, secret),
            Signing::Ed25519(pair) => {
                written(PAIR, Zeroizing::new(pair.to_keypair_bytes()).as_slice())
            }
        }
    }

    /// Appends one entry of `webhook-signature` for the parts of a message, in order.
    pub(super) fn sign_into(&self, parts: [&[u8]; 2], header: &mut String) {
        header.push_str(self.algorithm().version());
        header.push(',');
        match &self.0 {
            Signing::Hmac(secret) => text::encode_into(&mac(secret, parts), header),
            Signing::Ed25519(pair) => {
                text::encode_into(&pair.sign(&parts.concat()).to_bytes(), header);
            }
        }
    }
}

impl VerifyingKey {
    /// How it verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Verifying::Hmac(_) => Algorithm::HmacSha256,
            Verifying::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// The text of the key. Of a `whsec_` secret: do not log it.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        match &self.0 {
            Verifying::Hmac(secret) => written(SECRET, secret),
            Verifying::Ed25519(public) => written(PUBLIC, public.as_bytes()),
        }
    }
}

impl FromStr for SigningKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        if let Some(secret) = key.strip_prefix(SECRET) {
            return Ok(Self(Signing::Hmac(read_secret(secret)?)));
        }
        if let Some(pair) = key.strip_prefix(PAIR) {
            let bytes = read(PAIR, pair)?;
            let pair: &[u8; PAIR_BYTES] =
                bytes.as_slice().try_into().map_err(|_| KeyError::Length {
                    prefix: PAIR,
                    found: bytes.len(),
                    expected: "64: a seed of 32 and its public key of 32",
                })?;
            let pair =
                ed25519::SigningKey::from_keypair_bytes(pair).map_err(|_| KeyError::Halves)?;
            return Ok(Self(Signing::Ed25519(Box::new(pair))));
        }
        if key.starts_with(PUBLIC) {
            return Err(KeyError::CannotSign);
        }
        Err(KeyError::Prefix {
            length: key.chars().count(),
            valid: "whsec_ for v1, whsk_ for v1a",
        })
    }
}

impl FromStr for VerifyingKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        if let Some(secret) = key.strip_prefix(SECRET) {
            return Ok(Self(Verifying::Hmac(read_secret(secret)?)));
        }
        if let Some(public) = key.strip_prefix(PUBLIC) {
            let bytes = read(PUBLIC, public)?;
            let public = bytes.as_slice().try_into().map_err(|_| KeyError::Length {
                prefix: PUBLIC,
                found: bytes.len(),
                expected: "32",
            })?;
            let public = ed25519::VerifyingKey::from_bytes(public).map_err(|_| KeyError::Weak)?;
            if public.is_weak() {
                return Err(KeyError::Weak);
            }
            return Ok(Self(Verifying::Ed25519(Box::new(public))));
        }
        if key.starts_with(PAIR) {
            return Err(KeyError::Private);
        }
        Err(KeyError::Prefix {
            length: key.chars().count(),
            valid: "whsec_ for v1, whpk_ for v1a",
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, redacted)", self.algorithm())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Verifying::Hmac(_) => f.write_str("VerifyingKey(v1, redacted)"),
            Verifying::Ed25519(_) => write!(f, "VerifyingKey(v1a, {})", *self.expose()),
        }
    }
}

/// Equal when they verify the same; secrets are compared in constant time.
impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Verifying::Hmac(one), Verifying::Hmac(other)) => one.ct_eq(other).into(),
            (Verifying::Ed25519(one), Verifying::Ed25519(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for VerifyingKey {}

fn read_secret(secret: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let bytes = read(SECRET, secret)?;
    if SECRET_BYTES.contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(KeyError::Length {
            prefix: SECRET,
            found: bytes.len(),
            expected: "24 to 75",
        })
    }
}

fn read(prefix: &'static str, encoded: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut buffer = text::buffer();
    let length = text::decode(encoded, &mut buffer).ok_or(KeyError::Base64 { prefix })?;
    let bytes = Zeroizing::new(buffer[..length].to_vec());
    buffer.zeroize();
    Ok(bytes)
}

fn written(prefix: &str, bytes: &[u8]) -> Zeroizing<String> {
    let encoded = Zeroizing::new(text::encode(bytes));
    Zeroizing::new(format!("{prefix}{}", *encoded))
}
