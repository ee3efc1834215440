//! The vectors of `spec/vectors/webhook-signatures.json`, all of them.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256, Sha512};

use crate::signature::mac::mac;
use crate::signature::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    #[allow(dead_code, reason = "it is for people")]
    about: String,
    standard: Vec<Standard>,
    accepted: Vec<Variant>,
    refused: Vec<Variant>,
    keys: Vec<Key>,
    other: Vec<Other>,
    content_digest: Vec<ContentDigest>,
}

#[derive(Deserialize)]
struct Standard {
    name: String,
    key: String,
    public: Option<String>,
    id: String,
    timestamp: i64,
    payload: Option<String>,
    payload_base64: Option<String>,
    signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variant {
    name: String,
    base: String,
    id: Option<String>,
    timestamp: Option<String>,
    payload: Option<String>,
    signature: String,
    now: Option<i64>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    key: String,
    signs: Option<String>,
    verifies: Option<String>,
}

#[derive(Deserialize)]
struct Other {
    name: String,
    algorithm: String,
    key: Option<String>,
    key_base64: Option<String>,
    public: Option<String>,
    signed: String,
    mac_hex: Option<String>,
    header: Option<String>,
    signature_base64: Option<String>,
}

#[derive(Deserialize)]
struct ContentDigest {
    body: String,
    sha256: String,
    sha512: String,
}

impl Standard {
    fn body(&self) -> Vec<u8> {
        match (&self.payload, &self.payload_base64) {
            (Some(payload), None) => payload.clone().into_bytes(),
            (None, Some(payload)) => decoded(payload),
            _ => panic!("{}: one payload", self.name),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.timestamp).unwrap()
    }

    fn verifier(&self) -> Verifier {
        let key = self.public.as_ref().unwrap_or(&self.key);
        Verifier::new([key.parse().unwrap()]).unwrap()
    }

    fn answer(&self, variant: &Variant) -> Result<(), VerifyError> {
        let timestamp = self.timestamp.to_string();
        let headers = SignatureHeaders::new(
            variant.id.as_ref().unwrap_or(&self.id),
            variant.timestamp.as_ref().unwrap_or(&timestamp),
            &variant.signature,
        )?;
        let body = variant
            .payload
            .as_ref()
            .map(|text| text.clone().into_bytes());
        let now = variant
            .now
            .map_or(self.now(), |now| Timestamp::from_second(now).unwrap());
        self.verifier()
            .verify(&headers, &body.unwrap_or_else(|| self.body()), now)
    }
}

fn vectors() -> Vectors {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/webhook-signatures.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn decoded(base64: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .decode(base64)
        .unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn published_deliveries_are_signed_and_verified() {
    for case in vectors().standard {
        let key: SigningKey = case.key.parse().unwrap();
        let signer = Signer::new([key.clone()]).unwrap();
        let signed = signer.sign(&case.id, case.now(), &case.body()).unwrap();
        assert_eq!(signed.signature, case.signature, "{}", case.name);
        assert_eq!(signed.timestamp, case.timestamp.to_string());
        if let Some(public) = &case.public {
            assert_eq!(*key.verifying().expose(), *public);
        }
        let headers = SignatureHeaders::new(&case.id, &signed.timestamp, &case.signature).unwrap();
        case.verifier()
            .verify(&headers, &case.body(), case.now())
            .unwrap();
    }
}

#[test]
fn variants_are_accepted_or_refused_with_the_reason() {
    let vectors = vectors();
    let bases: HashMap<_, _> = vectors
        .standard
        .iter()
        .map(|case| (case.name.as_str(), case))
        .collect();
    for variant in vectors.accepted {
        assert_eq!(
            bases[variant.base.as_str()].answer(&variant),
            Ok(()),
            "{}",
            variant.name
        );
    }
    for variant in vectors.refused {
        let error = bases[variant.base.as_str()].answer(&variant).unwrap_err();
        assert_eq!(Some(error.to_string()), variant.error, "{}", variant.name);
        let error = polywire_core::Error::from(error);
        assert_eq!(error.kind(), polywire_core::ErrorKind::Unauthenticated);
    }
}

#[test]
fn keys_are_read_or_refused_with_the_reason() {
    for Key {
        key,
        signs,
        verifies,
    } in vectors().keys
    {
        let answer = |read: Result<Algorithm, KeyError>| match read {
            Ok(algorithm) => algorithm.to_string(),
            Err(error) => error.to_string(),
        };
        if let Some(signs) = signs {
            assert_eq!(
                answer(key.parse().map(|key: SigningKey| key.algorithm())),
                signs
            );
        }
        if let Some(verifies) = verifies {
            assert_eq!(
                answer(key.parse().map(|key: VerifyingKey| key.algorithm())),
                verifies
            );
        }
    }
}

#[test]
fn the_primitives_are_those_of_others() {
    for case in vectors().other {
        match case.algorithm.as_str() {
            "hmac-sha256" => {
                let key = match (case.key, case.key_base64) {
                    (Some(key), None) => key.into_bytes(),
                    (None, Some(key)) => decoded(&key),
                    _ => panic!("{}: one key", case.name),
                };
                let expected = case.mac_hex.unwrap();
                assert_eq!(
                    hex(&mac(&key, [case.signed.as_bytes(), b""])),
                    expected,
                    "{}",
                    case.name
                );
                assert!(case.header.is_none_or(|header| header.ends_with(&expected)));
            }
            "ed25519" => {
                let key: SigningKey = case.key.unwrap().parse().unwrap();
                let public: VerifyingKey = case.public.unwrap().parse().unwrap();
                assert_eq!(key.verifying(), public);
                let mut entry = String::new();
                key.sign_into([case.signed.as_bytes(), b""], &mut entry);
                assert_eq!(entry, format!("v1a,{}", case.signature_base64.unwrap()));
            }
            other => panic!("{}: {other}", case.name),
        }
    }
}

#[test]
fn content_digests_are_those_of_the_standard() {
    for case in vectors().content_digest {
        assert_eq!(text::encode(&Sha256::digest(&case.body)), case.sha256);
        assert_eq!(text::encode(&Sha512::digest(&case.body)), case.sha512);
    }
}
