use std::fmt;
use std::io::Cursor;

use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};

use super::{KeyId, Purpose, TrustError, TrustedKeys};

/// The key of a publisher. Its `Debug` shows the id alone.
pub struct SigningKey {
    secret: SecretKey,
    public: String,
    id: KeyId,
}

/// A new key pair, as texts for two files. Its `Debug` shows neither.
pub struct KeyTexts {
    /// The public key file, for the configuration of consumers.
    pub public: String,
    /// The secret key file, for the publisher alone.
    pub secret: String,
}

impl SigningKey {
    /// The largest secret key file, in bytes.
    pub const MAX_FILE: u64 = 4096;

    /// A new pair. With a password the secret key is encrypted, which takes a gigabyte of memory and some seconds, here and each
    /// time that it is opened; without one, the file alone signs.
    ///
    /// # Errors
    /// [`TrustError::SecretKey`] when the machine has no randomness or memory left.
    pub fn generate(password: Option<&str>) -> Result<KeyTexts, TrustError> {
        let failed =
            |_| wrong("no key could be drawn: the machine has no randomness or memory left");
        let pair = match password {
            Some(password) => KeyPair::generate_encrypted_keypair(Some(password.to_owned())),
            None => KeyPair::generate_unencrypted_keypair(),
        };
        let KeyPair { pk, sk } = pair.map_err(failed)?;
        Ok(KeyTexts {
            public: pk.to_box().map_err(failed)?.into_string(),
            secret: sk.to_box(None).map_err(failed)?.into_string(),
        })
    }

    /// Opens a secret key file.
    ///
    /// # Errors
    /// [`TrustError::SecretKey`] when it is not a secret key of minisign, or the password is missing, wrong, or one too many.
    pub fn open(text: &str, password: Option<&str>) -> Result<Self, TrustError> {
        let boxed = SecretKeyBox::from_string(text).map_err(|_| wrong(FILE))?;
        let secret = match password {
            // Without a password the library would ask the terminal for one.
            Some(password) => boxed
                .into_secret_key(Some(password.to_owned()))
                .map_err(|_| wrong("it is not a secret key that this password opens"))?,
            None => boxed
                .into_unencrypted_secret_key()
                .map_err(|_| wrong("it is damaged, or encrypted: then give its password"))?,
        };
        let public = PublicKey::from_secret_key(&secret).map_err(|_| wrong(FILE))?;
        let public = public.to_base64();
        let id = KeyId::of_base64(&public).ok_or_else(|| wrong(FILE))?;
        Ok(Self { secret, public, id })
    }

    /// The public key, as consumers configure it.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Which key it is.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The public keys of those who trust this one alone.
    ///
    /// # Errors
    /// None in practice: the key was derived here.
    pub fn trusted(&self) -> Result<TrustedKeys, TrustError> {
        TrustedKeys::parse([&self.public])
    }

    /// Signs bytes.
    ///
    /// # Errors
    /// [`TrustError::SecretKey`] when the machine has no randomness.
    pub fn sign(&self, purpose: Purpose, bytes: &[u8]) -> Result<String, TrustError> {
        let comment = format!("signature by key {}", self.id);
        minisign::sign(
            None,
            &self.secret,
            Cursor::new(bytes),
            Some(purpose.comment()),
            Some(&comment),
        )
        .map(minisign::SignatureBox::into_string)
        .map_err(|_| wrong("the machine has no randomness"))
    }
}

const FILE: &str = "write the two lines of a minisign secret key file";

fn wrong(why: &'static str) -> TrustError {
    TrustError::SecretKey { why }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, redacted)", self.id)
    }
}

impl fmt::Debug for KeyTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyTexts(redacted)")
    }
}
