use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::{PublicKey, Signature};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Purpose;

/// Which key it is: eight bytes, written as minisign writes them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u64);

impl KeyId {
    /// The id in bytes two to ten of a key or signature.
    fn within(bytes: &[u8]) -> Option<Self> {
        let id = bytes.get(2..10)?.try_into().ok()?;
        Some(Self(u64::from_le_bytes(id)))
    }

    pub(super) fn of_base64(text: &str) -> Option<Self> {
        STANDARD
            .decode(text)
            .ok()
            .and_then(|bytes| Self::within(&bytes))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(text, 16)
            .ok()
            .filter(|_| digits && text.len() == 16)
            .map(Self)
            .ok_or(TrustError::KeyId)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// Why a set of keys is not valid, or a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// No key, or too many.
    #[error("{found} public keys: 1 to 8 are valid, the newest first")]
    Count {
        /// How many there were.
        found: usize,
    },
    /// A text that is no public key.
    #[error(
        "public key {at} is not valid: write the second line of a minisign public key file, 56 characters that begin with RW"
    )]
    PublicKey {
        /// Which one, counted from 1.
        at: usize,
    },
    /// One key twice.
    #[error("public key {id} is there twice: write it once")]
    Twice {
        /// The key.
        id: KeyId,
    },
    /// A text that is no key id.
    #[error("a key id is 16 hexadecimal digits")]
    KeyId,
    /// A secret key that cannot be opened. What stands in it is not repeated.
    #[error("the secret key cannot be used: {why}")]
    SecretKey {
        /// What would work.
        why: &'static str,
    },
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Not the four lines of a minisign signature.
    #[error("it is not a minisign signature of four lines")]
    Malformed,
    /// Signed by somebody else.
    #[error("it was signed by key {found}, and the trusted keys are {trusted}")]
    UnknownKey {
        /// The key that signed.
        found: KeyId,
        /// Those of the configuration.
        trusted: String,
    },
    /// Signed for another kind of document.
    #[error("it is a signature for {found:?}, and one for {wanted:?} is needed")]
    Purpose {
        /// Its trusted comment, cut after 80 characters.
        found: String,
        /// The one that was needed.
        wanted: &'static str,
    },
    /// The bytes are not those that were signed.
    #[error("the signature by key {key} is not over these bytes")]
    Invalid {
        /// The key that it claims.
        key: KeyId,
    },
}

/// The public keys of the configuration, the newest first.
#[derive(Clone)]
pub struct TrustedKeys(Vec<(KeyId, PublicKey)>);

impl TrustedKeys {
    /// The most keys.
    pub const MAX_KEYS: usize = 8;
    /// The longest signature, in bytes.
    pub const MAX_SIGNATURE: usize = 1024;

    /// Keys as minisign prints them: the second line of its public key files, or the whole file. The newest stands first: what
    /// it has signed is not undone by a key behind it.
    ///
    /// # Errors
    /// [`TrustError`] when there is none, more than [`MAX_KEYS`](Self::MAX_KEYS), one twice, or one is not valid.
    pub fn parse<T: AsRef<str>>(keys: impl IntoIterator<Item = T>) -> Result<Self, TrustError> {
        let mut parsed: Vec<(KeyId, PublicKey)> = Vec::new();
        for (at, text) in keys.into_iter().enumerate() {
            let text = text.as_ref();
            let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
            let line = line.unwrap_or_default();
            let key = PublicKey::from_base64(line)
                .ok()
                .zip(KeyId::of_base64(line));
            let (key, id) = key.ok_or(TrustError::PublicKey { at: at + 1 })?;
            if parsed.iter().any(|(before, _)| *before == id) {
                return Err(TrustError::Twice { id });
            }
            parsed.push((id, key));
        }
        let found = parsed.len();
        if !(1..=Self::MAX_KEYS).contains(&found) {
            return Err(TrustError::Count { found });
        }
        Ok(Self(parsed))
    }

    /// Checks a signature, and says which key it is by.
    ///
    /// # Errors
    /// [`SignatureError`] says what is wrong with it.
    pub fn verify(
        &self,
        purpose: Purpose,
        bytes: &[u8],
        signature: &str,
    ) -> Result<KeyId, SignatureError> {
        if signature.len() > Self::MAX_SIGNATURE {
            return Err(SignatureError::Malformed);
        }
        let parsed = Signature::decode(signature).map_err(|_| SignatureError::Malformed)?;
        let line = signature.lines().nth(1).and_then(KeyId::of_base64);
        let found = line.ok_or(SignatureError::Malformed)?;
        let Some((_, key)) = self.0.iter().find(|(id, _)| *id == found) else {
            let trusted = self.ids().map(|id| id.to_string());
            let trusted = trusted.collect::<Vec<_>>().join(", ");
            return Err(SignatureError::UnknownKey { found, trusted });
        };
        key.verify(bytes, &parsed, false)
            .map_err(|_| SignatureError::Invalid { key: found })?;
        if parsed.trusted_comment() != purpose.comment() {
            return Err(SignatureError::Purpose {
                found: parsed.trusted_comment().chars().take(80).collect(),
                wanted: purpose.comment(),
            });
        }
        Ok(found)
    }

    /// The ids, the newest key's first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.0.iter().map(|(id, _)| *id)
    }

    /// Whether a key stands before another, which means that it is newer. One that is not there any more is older than all.
    pub(super) fn precedes(&self, key: KeyId, other: KeyId) -> bool {
        let place = |key| self.ids().position(|id| id == key).unwrap_or(usize::MAX);
        place(key) < place(other)
    }
}

impl fmt::Debug for TrustedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}
