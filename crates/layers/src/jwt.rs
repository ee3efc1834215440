//! Callers proved by a signed token (JWT, RFC 7519), of the algorithms and keys that the configuration names.
//!
//! The signatures are checked by the pure Rust crypto of `jsonwebtoken`, so no C library and no second TLS stack is linked.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind as Fault;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use polywire_core::config::Secret;
use polywire_core::{Authenticator, Caller, Error, ErrorKind, Head, Result, Token};
use serde_json::{Map, Value};

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256: a secret that issuer and provider share.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// `EdDSA` on Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa];

    /// The name as it stands in a token's header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    const fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    /// `Config` for a name that is none of [`Algorithm::ALL`].
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == text)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Config,
                    format!(
                        "unknown algorithm {text:?}: valid are {}",
                        names(&Self::ALL)
                    ),
                )
            })
    }
}

fn names(algorithms: &[Algorithm]) -> String {
    algorithms
        .iter()
        .map(|algorithm| algorithm.name())
        .collect::<Vec<_>>()
        .join(", ")
}

/// A key, bound to the one algorithm that it verifies: a public key can never be taken for a shared secret.
#[derive(Clone)]
pub struct JwtKey {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtKey {
    /// The shortest secret for HS256, in bytes (RFC 7518 section 3.2).
    pub const MIN_SECRET: usize = 32;
    /// An RSA key of 2048 bits, the shortest allowed (RFC 7518 section 3.3), has at least this many bytes in DER.
    const MIN_RSA_DER: usize = 256;

    /// A secret for HS256.
    ///
    /// # Errors
    /// `Config` when it is shorter than [`JwtKey::MIN_SECRET`].
    pub fn secret(secret: &Secret) -> Result<Self> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() < Self::MIN_SECRET {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "secret of {} bytes: HS256 needs at least {} (RFC 7518 section 3.2)",
                    bytes.len(),
                    Self::MIN_SECRET
                ),
            ));
        }
        Ok(Self {
            algorithm: Algorithm::Hs256,
            key: DecodingKey::from_secret(bytes),
        })
    }

    /// A public key in PEM (`BEGIN PUBLIC KEY`, RFC 7468 section 13): RSA for RS256, P-256 for ES256, Ed25519 for `EdDSA`.
    ///
    /// # Errors
    /// `Config` when it is none of these, or a private key.
    pub fn public_pem(pem: &[u8]) -> Result<Self> {
        let refuse = |why: &'static str| Err(Error::new(ErrorKind::Config, why));
        if contains(pem, b"PRIVATE KEY-----") {
            return refuse(
                "this is a private key: give the public key, and keep the private one where tokens are signed",
            );
        }
        if !contains(pem, b"-----BEGIN PUBLIC KEY-----") {
            return refuse(
                "no public key in PEM: expected a text that begins with -----BEGIN PUBLIC KEY-----",
            );
        }
        if let Ok(key) = DecodingKey::from_rsa_pem(pem) {
            if key.try_get_as_bytes().map_or(0, <[u8]>::len) < Self::MIN_RSA_DER {
                return refuse(
                    "RSA key below 2048 bits: RS256 needs at least 2048 (RFC 7518 section 3.3)",
                );
            }
            return Self::tried(Algorithm::Rs256, key);
        }
        if let Ok(key) = DecodingKey::from_ec_pem(pem) {
            return Self::tried(Algorithm::Es256, key);
        }
        if let Ok(key) = DecodingKey::from_ed_pem(pem) {
            return Self::tried(Algorithm::EdDsa, key);
        }
        refuse("public key of an unknown kind: expected RSA, P-256 or Ed25519")
    }

    /// A key that the algorithm cannot use, such as one of another curve, shows itself here rather than at the first
    /// token.
    fn tried(algorithm: Algorithm, key: DecodingKey) -> Result<Self> {
        // 64 bytes of a signature in base64url: it need not hold, it has to be judged.
        let signature = "A".repeat(86);
        match jsonwebtoken::crypto::verify(&signature, b"", &key, algorithm.of_library()) {
            Ok(_) => Ok(Self { algorithm, key }),
            Err(error) => Err(Error::new(
                ErrorKind::Config,
                format!("public key that {algorithm} cannot use: {error}"),
            )),
        }
    }

    /// The algorithm it verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwtKey({})", self.algorithm)
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// What a token must state besides a good signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtRules {
    /// Whom tokens must name as their audience (`aud`), any one of these.
    pub audience: Vec<String>,
    /// Who may have issued them (`iss`), any one of these; empty for anyone who has a key.
    pub issuer: Vec<String>,
    /// How far clocks may differ when `exp` and `nbf` are judged.
    pub leeway: Duration,
}

/// Verifies signed tokens. `exp` and `aud` are required, `nbf` is heeded, `iss` is required once issuers are named.
///
/// Several keys may be of one algorithm, so that keys can be rotated; they are tried in order. Refusals never contain
/// the token or a part of it.
#[derive(Debug)]
pub struct JwtAuthenticator {
    /// Each with the rules for tokens of its algorithm.
    keys: Vec<(JwtKey, Validation)>,
    algorithms: Vec<Algorithm>,
}

impl JwtAuthenticator {
    /// The most keys: each costs a signature check per token in the worst case.
    pub const MAX_KEYS: usize = 8;

    /// An authenticator for tokens signed with one of `algorithms` and a key of it.
    ///
    /// # Errors
    /// `Config` without an algorithm or an audience, when an algorithm has no key or a key no algorithm, and beyond
    /// [`JwtAuthenticator::MAX_KEYS`].
    pub fn new(algorithms: &[Algorithm], keys: Vec<JwtKey>, rules: &JwtRules) -> Result<Self> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Config, why));
        if algorithms.is_empty() {
            return refuse(format!(
                "no algorithm for tokens: name those that are trusted, of {}",
                names(&Algorithm::ALL)
            ));
        }
        if rules.audience.is_empty() {
            return refuse("no audience for tokens: name this service as tokens do, or a token for another service would do".to_owned());
        }
        if keys.len() > Self::MAX_KEYS {
            return refuse(format!(
                "{} keys for tokens: at most {} are tried",
                keys.len(),
                Self::MAX_KEYS
            ));
        }
        if let Some(algorithm) = algorithms
            .iter()
            .find(|algorithm| !keys.iter().any(|key| key.algorithm == **algorithm))
        {
            let what = if *algorithm == Algorithm::Hs256 {
                "a secret"
            } else {
                "a public key"
            };
            return refuse(format!(
                "algorithm {algorithm} has no key: give {what} for it or leave it out"
            ));
        }
        if let Some(key) = keys.iter().find(|key| !algorithms.contains(&key.algorithm)) {
            return refuse(format!(
                "key for {} and algorithms {}: add it or leave the key out",
                key.algorithm,
                names(algorithms)
            ));
        }
        let ruled = |key: JwtKey| {
            let validation = validation(key.algorithm, rules);
            (key, validation)
        };
        Ok(Self {
            keys: keys.into_iter().map(ruled).collect(),
            algorithms: algorithms.to_vec(),
        })
    }

    fn verify(&self, token: &str) -> Result<Map<String, Value>> {
        let header = decode_header(token).map_err(|error| refused(error.kind()))?;
        if header.crit.is_some() {
            return Err(unauthenticated(
                "token with critical extensions (crit), none of which are understood here",
            ));
        }
        let mut keys = self
            .keys
            .iter()
            .filter(|(key, _)| key.algorithm.of_library() == header.alg)
            .peekable();
        if keys.peek().is_none() {
            return Err(unauthenticated(format!(
                "token signed with {:?}: expected {}",
                header.alg,
                names(&self.algorithms)
            )));
        }
        for (key, validation) in keys {
            match decode::<Map<String, Value>>(token, &key.key, validation) {
                Ok(data) => return Ok(data.claims),
                // Another key of the algorithm may have signed it.
                Err(error) if matches!(error.kind(), Fault::InvalidSignature) => {}
                Err(error) => return Err(refused(error.kind())),
            }
        }
        Err(refused(&Fault::InvalidSignature))
    }
}

/// What is required of tokens of one algorithm.
fn validation(algorithm: Algorithm, rules: &JwtRules) -> Validation {
    let mut validation = Validation::new(algorithm.of_library());
    validation.leeway = rules.leeway.as_secs();
    // Off unless asked for, and claims that are absent would pass unless required.
    validation.validate_nbf = true;
    validation.set_audience(&rules.audience);
    let mut required = vec!["exp", "aud"];
    if !rules.issuer.is_empty() {
        validation.set_issuer(&rules.issuer);
        required.push("iss");
    }
    validation.set_required_spec_claims(&required);
    validation
}

impl Authenticator for JwtAuthenticator {
    fn authenticate(&self, token: Option<&Token>, _head: &Head) -> Result<Caller> {
        let Some(token) = token else {
            return Err(unauthenticated(
                "no token: this service takes signed tokens only, send one as a bearer token",
            ));
        };
        let text = token.expose();
        if text.len() > Token::MAX {
            return Err(unauthenticated(format!(
                "token of {} bytes: at most {} are read",
                text.len(),
                Token::MAX
            )));
        }
        self.verify(text).map(Caller::verified)
    }
}

fn unauthenticated(why: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unauthenticated, why)
}

/// The refusal in our words: those of the library may quote the token.
fn refused(fault: &Fault) -> Error {
    unauthenticated(match fault {
        Fault::InvalidSignature => "token signed by none of the known keys",
        Fault::ExpiredSignature => "token expired: ask its issuer for a new one",
        Fault::ImmatureSignature => {
            "token not valid yet: compare the clocks of its issuer and this service"
        }
        Fault::InvalidIssuer => "token of an issuer that is not trusted here",
        Fault::InvalidAudience => "token meant for another audience than this service",
        Fault::MissingRequiredClaim(claim) => match claim.as_str() {
            "exp" => "token without a time of expiry (exp)",
            "aud" => "token without an audience (aud)",
            "iss" => "token without an issuer (iss)",
            _ => "token without a required claim",
        },
        Fault::InvalidClaimFormat(_) => "token with a claim of the wrong type",
        Fault::InvalidAlgorithm | Fault::UnsupportedAlgorithm | Fault::InvalidAlgorithmName => {
            "token signed with an unknown algorithm"
        }
        _ => "not a signed token: expected three base64url parts joined by dots (RFC 7519)",
    })
}
