//! Keys of subscriptions at rest: encrypted by keys of the configuration, so that whoever reads the store signs nothing.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random nonce for each text. What a text belongs to, the subscription
//! and what it is there, is authenticated with it: a record that was copied to another subscription does not open.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use jiff::Timestamp;
use polywire_core::{Error, ErrorKind, Result};
use rand::RngExt;
use zeroize::Zeroizing;

use crate::record::{KeyRecord, Sealed, Subscription, SubscriptionId, Terms};
use crate::signature::{Signer, SigningKey};

const NONCE: usize = 24;

/// A key of the configuration. Its `Debug` shows the name alone, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct SealingKey {
    id: String,
    bytes: Zeroizing<[u8; Self::BYTES]>,
}

impl SealingKey {
    /// How many bytes a key has.
    pub const BYTES: usize = 32;
    /// The longest name, in bytes.
    pub const MAX_ID: usize = 64;

    /// A key and its name, which stands in every record that it seals.
    ///
    /// # Errors
    /// `Config` when the name is empty, longer than [`MAX_ID`](Self::MAX_ID) or has other characters than `a-z A-Z 0-9 _ -`, or the
    /// key has another length than [`BYTES`](Self::BYTES).
    pub fn new(id: &str, bytes: &[u8]) -> Result<Self> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !(1..=Self::MAX_ID).contains(&id.len()) || !id.bytes().all(valid) {
            return Err(config(format!(
                "the id of a sealing key has {} bytes: expected 1 to {} of a-z, A-Z, 0-9, '_' and '-'",
                id.len(),
                Self::MAX_ID
            )));
        }
        let Ok(bytes) = <[u8; Self::BYTES]>::try_from(bytes) else {
            return Err(config(format!(
                "sealing key {id:?} has {} bytes: expected {}",
                bytes.len(),
                Self::BYTES
            )));
        };
        Ok(Self {
            id: id.to_owned(),
            bytes: Zeroizing::new(bytes),
        })
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({:?}, redacted)", self.id)
    }
}

/// The keys of the configuration: the first one seals, every one opens. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Keyring(Arc<[SealingKey]>);

impl Keyring {
    /// The most keys: the one in use, and those that records are still under.
    pub const MAX_KEYS: usize = 8;

    /// A ring of keys, the newest first.
    ///
    /// # Errors
    /// `Config` when there is none, more than [`MAX_KEYS`](Self::MAX_KEYS), or two have one name.
    pub fn new(keys: impl Into<Vec<SealingKey>>) -> Result<Self> {
        let keys = keys.into();
        if !(1..=Self::MAX_KEYS).contains(&keys.len()) {
            return Err(config(format!(
                "{} sealing keys: expected 1 to {}, the one that seals first",
                keys.len(),
                Self::MAX_KEYS
            )));
        }
        for (at, key) in keys.iter().enumerate() {
            if keys[..at].iter().any(|before| before.id == key.id) {
                return Err(config(format!(
                    "two sealing keys are named {:?}: give each its own name",
                    key.id
                )));
            }
        }
        Ok(Self(keys.into()))
    }

    /// Encrypts a text that is `what` of a subscription, such as the id of its key.
    ///
    /// # Errors
    /// `TooLarge` for a text that no cipher takes, far beyond memory.
    pub fn seal(&self, of: &SubscriptionId, what: &str, text: &[u8]) -> Result<Sealed> {
        let key = &self.0[0];
        let mut nonce = [0; NONCE];
        rand::rng().fill(&mut nonce);
        let aad = context(of, what, &key.id);
        let sealed = cipher(key)
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: text,
                    aad: &aad,
                },
            )
            .map_err(|_| Error::new(ErrorKind::TooLarge, "a text too long to be sealed"))?;
        Ok(Sealed {
            by: key.id.clone(),
            bytes: [&nonce[..], &sealed].concat(),
        })
    }

    /// Decrypts what [`seal`](Self::seal) gave for the same `of` and `what`.
    ///
    /// # Errors
    /// `Config` when the key that it was sealed by is missing here, named with those that are there; `Integrity` when it was
    /// changed, cut, or belongs to something else.
    pub fn open(
        &self,
        of: &SubscriptionId,
        what: &str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let Some(key) = self.0.iter().find(|key| key.id == sealed.by) else {
            let held: Vec<&str> = self.0.iter().map(|key| key.id.as_str()).collect();
            return Err(config(format!(
                "a record of {of} is sealed by {:?}, which is missing: configured are {held:?}; add it until every record is sealed anew",
                sealed.by
            )));
        };
        let damaged = || {
            Error::new(
                ErrorKind::Integrity,
                format!(
                    "{what} of {of} does not open by {:?}: it was changed, or belongs to another record",
                    key.id
                ),
            )
        };
        let (nonce, text) = sealed.bytes.split_at_checked(NONCE).ok_or_else(damaged)?;
        let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| damaged())?;
        let aad = context(of, what, &key.id);
        let payload = Payload {
            msg: text,
            aad: &aad,
        };
        cipher(key)
            .decrypt(&XNonce::from(nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| damaged())
    }

    /// The same text under the newest key; `None` when it is already.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn reseal(
        &self,
        of: &SubscriptionId,
        what: &str,
        sealed: &Sealed,
    ) -> Result<Option<Sealed>> {
        if sealed.by == self.0[0].id {
            return Ok(None);
        }
        let text = self.open(of, what, sealed)?;
        self.seal(of, what, &text).map(Some)
    }

    /// Seals every key of a subscription anew that is under an older one; whether there was any.
    ///
    /// # Errors
    /// As [`open`](Self::open); the terms may then be changed in part.
    pub fn reseal_terms(&self, of: &SubscriptionId, terms: &mut Terms) -> Result<bool> {
        let mut changed = false;
        let proposed = terms
            .proposed
            .iter_mut()
            .flat_map(|proposed| &mut proposed.key);
        for key in terms.keys.iter_mut().chain(proposed) {
            if let Some(sealed) = self.reseal(of, &key.id, &key.sealed)? {
                key.sealed = sealed;
                changed = true;
            }
        }
        Ok(changed)
    }

    /// The key of a record.
    ///
    /// # Errors
    /// As [`open`](Self::open), and `Integrity` when what it holds is no key.
    pub fn key(&self, of: &SubscriptionId, record: &KeyRecord) -> Result<SigningKey> {
        let text = self.open(of, &record.id, &record.sealed)?;
        let key = str::from_utf8(&text)
            .ok()
            .and_then(|text| text.parse().ok());
        key.ok_or_else(|| {
            Error::new(
                ErrorKind::Integrity,
                format!("what is sealed as {} of {of} is no key", record.id),
            )
        })
    }

    /// What the deliveries of a subscription are signed with now: each key that has not retired, the newest first.
    ///
    /// # Errors
    /// As [`key`](Self::key), and `Config` when none signs.
    pub fn signer(&self, of: &Subscription, now: Timestamp) -> Result<Signer> {
        let signing = of.terms.keys.iter().filter(|key| key.signs(now));
        let keys = signing.map(|record| self.key(&of.id, record));
        Signer::new(keys.collect::<Result<Vec<_>>>()?)
    }
}

impl crate::deliver::Signers for Keyring {
    fn signer(&self, subscription: &Subscription, now: Timestamp) -> Result<Arc<Signer>> {
        Self::signer(self, subscription, now).map(Arc::new)
    }
}

fn cipher(key: &SealingKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.bytes).into())
}

/// Everything that a sealed text is bound to; no part can end in the next one, as none has a line break.
fn context(of: &SubscriptionId, what: &str, key: &str) -> Vec<u8> {
    format!("polywire-webhook-1\n{of}\n{what}\n{key}").into_bytes()
}

fn config(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}
