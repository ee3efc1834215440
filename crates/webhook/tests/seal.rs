//! Keys of subscriptions at rest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use jiff::Timestamp;
use polywire_core::ErrorKind;
use polywire_core::contract::{Name, Requirement, Version};
use polywire_webhook::record::{
    Float, KeepOrder, KeyRecord, OnSunset, Sealed, State, Subscription, SubscriptionId, Terms,
};
use polywire_webhook::schedule::Standing;
use polywire_webhook::seal::{Keyring, SealingKey};
use polywire_webhook::signature::{Algorithm, SignatureHeaders, SigningKey, Verifier};

fn key(id: &str, byte: u8) -> SealingKey {
    SealingKey::new(id, &[byte; 32]).unwrap()
}

fn ring(keys: &[SealingKey]) -> Keyring {
    Keyring::new(keys).unwrap()
}

fn now() -> Timestamp {
    "2026-11-23T06:00:00Z".parse().unwrap()
}

#[test]
fn what_is_sealed_opens_for_what_it_belongs_to_alone() {
    let ring = ring(&[key("2026", 1)]);
    let (id, other) = (SubscriptionId::random(), SubscriptionId::random());
    let sealed = ring.seal(&id, "k1", b"whsec_hunter2").unwrap();
    assert_eq!(sealed.by, "2026");
    assert_eq!(&**ring.open(&id, "k1", &sealed).unwrap(), b"whsec_hunter2");
    let again = ring.seal(&id, "k1", b"whsec_hunter2").unwrap();
    assert_ne!(sealed, again, "each time another nonce");
    let text = b"hunter2";
    assert!(!sealed.bytes.windows(text.len()).any(|bytes| bytes == text));

    for (of, what) in [(&other, "k1"), (&id, "k2")] {
        let error = ring.open(of, what, &sealed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert_eq!(
            error.message(),
            format!(
                "{what} of {of} does not open by \"2026\": it was changed, or belongs to another record"
            )
        );
    }
    for at in 0..sealed.bytes.len() {
        let mut changed = sealed.clone();
        changed.bytes[at] ^= 1;
        assert!(ring.open(&id, "k1", &changed).is_err(), "byte {at}");
    }
    for length in 0..sealed.bytes.len() {
        let cut = Sealed {
            by: sealed.by.clone(),
            bytes: sealed.bytes[..length].to_vec(),
        };
        assert!(ring.open(&id, "k1", &cut).is_err(), "{length} bytes");
    }
}

#[test]
fn a_missing_key_is_named() {
    let id = SubscriptionId::random();
    let sealed = ring(&[key("2025", 1)]).seal(&id, "k1", b"text").unwrap();
    let error = ring(&[key("2027", 3), key("2026", 2)])
        .open(&id, "k1", &sealed)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.message(),
        format!(
            "a record of {id} is sealed by \"2025\", which is missing: configured are [\"2027\", \"2026\"]; add it until every record is sealed anew"
        )
    );
    let impostor = ring(&[key("2025", 9)]).open(&id, "k1", &sealed);
    assert_eq!(impostor.unwrap_err().kind(), ErrorKind::Integrity);
}

#[test]
fn rings_have_bounds_and_show_no_key() {
    let error = |id: &str, bytes: &[u8]| SealingKey::new(id, bytes).unwrap_err().to_string();
    assert_eq!(
        error("a", &[7; 31]),
        "sealing key \"a\" has 31 bytes: expected 32"
    );
    assert_eq!(
        error("a b", &[7; 32]),
        "the id of a sealing key has 3 bytes: expected 1 to 64 of a-z, A-Z, 0-9, '_' and '-'"
    );
    let none = Keyring::new([]).unwrap_err();
    assert_eq!(
        none.to_string(),
        "0 sealing keys: expected 1 to 8, the one that seals first"
    );
    let twice = Keyring::new([key("a", 1), key("a", 2)]).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "two sealing keys are named \"a\": give each its own name"
    );
    let printed = format!("{:?}", ring(&[key("a", 77)]));
    assert_eq!(printed, "Keyring([SealingKey(\"a\", redacted)])");
}

fn record(ring: &Keyring, of: &SubscriptionId, id: &str, key: &SigningKey) -> KeyRecord {
    KeyRecord {
        id: id.into(),
        algorithm: key.algorithm(),
        sealed: ring.seal(of, id, key.expose().as_bytes()).unwrap(),
        public: None,
        created_at: now(),
        retires_at: None,
    }
}

fn subscription(id: SubscriptionId, keys: Vec<KeyRecord>) -> Subscription {
    let version = Version::new(2, 4, 0);
    Subscription {
        id,
        revision: 1,
        terms: Terms {
            tenant: "acme".into(),
            state: State::Active,
            requested: Requirement::caret(Name::from_static("orders"), &version),
            version,
            float: Float::Minor,
            events: Vec::new(),
            group: None,
            sink: "https://hooks.example.com/".into(),
            keys,
            rate: None,
            allowed: None,
            order: KeepOrder::None,
            on_sunset: OnSunset::Pause,
            upgrade: None,
            proposed: None,
            since: None,
            created_at: now(),
            lease_until: now(),
        },
        standing: Standing::default(),
    }
}

#[test]
fn a_signer_has_every_key_that_signs_now() {
    let old = ring(&[key("2025", 1)]);
    let rotated = ring(&[key("2026", 2), key("2025", 1)]);
    let id = SubscriptionId::random();
    let (newer, older) = (SigningKey::generate_ed25519(), SigningKey::generate_hmac());
    let mut keys = vec![
        record(&rotated, &id, "k2", &newer),
        record(&old, &id, "k1", &older),
    ];
    keys[1].retires_at = Some(now());
    let mut subscription = subscription(id, keys);
    let before = now() - jiff::SignedDuration::from_secs(1);
    let signer = rotated.signer(&subscription, before).unwrap();
    let algorithms: Vec<_> = signer.algorithms().collect();
    assert_eq!(algorithms, [Algorithm::Ed25519, Algorithm::HmacSha256]);
    let signed = signer.sign("msg_1", before, b"body").unwrap();
    let headers = SignatureHeaders::new(&signed.id, &signed.timestamp, &signed.signature).unwrap();
    for key in [&newer, &older] {
        let verifier = Verifier::new([key.verifying()]).unwrap();
        verifier.verify(&headers, b"body", before).unwrap();
    }
    let signer = rotated.signer(&subscription, now()).unwrap();
    assert_eq!(signer.algorithms().count(), 1, "the older one has retired");

    let terms = &mut subscription.terms;
    assert!(rotated.reseal_terms(&subscription.id, terms).unwrap());
    assert!(terms.keys.iter().all(|key| key.sealed.by == "2026"));
    assert!(
        !rotated.reseal_terms(&subscription.id, terms).unwrap(),
        "nothing is left to do"
    );
    let newest = ring(&[key("2026", 2)]);
    assert_eq!(
        newest
            .signer(&subscription, before)
            .unwrap()
            .algorithms()
            .count(),
        2
    );

    subscription.terms.keys.clear();
    let error = newest.signer(&subscription, now()).unwrap_err();
    assert_eq!(error.to_string(), "0 webhook keys: expected 1 to 8");
}
