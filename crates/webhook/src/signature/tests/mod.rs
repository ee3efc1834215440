//! Signing and verifying.

mod vectors;

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

use super::*;

#[test]
fn while_keys_rotate_old_and_new_are_accepted() {
    let [old, new, pair] = [
        SigningKey::generate_hmac(),
        SigningKey::generate_hmac(),
        SigningKey::generate_ed25519(),
    ];
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let signer = Signer::new([new.clone(), old.clone(), pair.clone()]).unwrap();
    let signed = signer.sign("msg_1", now, b"\xff\x00").unwrap();
    let versions: Vec<_> = signed
        .signature
        .split(' ')
        .map(|entry| entry.split(',').next().unwrap())
        .collect();
    assert_eq!(versions, ["v1", "v1", "v1a"]);
    let headers = SignatureHeaders::new(&signed.id, &signed.timestamp, &signed.signature).unwrap();
    for key in [&old, &new, &pair] {
        let verifier =
            Verifier::new([SigningKey::generate_hmac().verifying(), key.verifying()]).unwrap();
        verifier.verify(&headers, b"\xff\x00", now).unwrap();
    }
    let stranger = Verifier::new([SigningKey::generate_hmac().verifying()]).unwrap();
    assert_eq!(
        stranger.verify(&headers, b"\xff\x00", now),
        Err(VerifyError::NoMatch { keys: 1 })
    );
}

#[test]
fn headers_come_once_and_in_ascii() {
    let mut headers = HeaderMap::new();
    let error = |headers: &HeaderMap| SignatureHeaders::of(headers).unwrap_err().to_string();
    assert_eq!(
        error(&headers),
        "the request has no webhook-id: expected webhook-id, webhook-timestamp and webhook-signature"
    );
    headers.insert(ID, HeaderValue::from_static("msg_1"));
    headers.insert(TIMESTAMP, HeaderValue::from_static("1614265330"));
    headers.insert(SIGNATURE, HeaderValue::from_static("v1,AAAA"));
    let read = SignatureHeaders::of(&headers).unwrap();
    assert_eq!((read.id(), read.seconds()), ("msg_1", 1_614_265_330));
    headers.append(SIGNATURE, HeaderValue::from_static("v1,BBBB"));
    assert_eq!(
        error(&headers),
        "the request has webhook-signature more than once: expected it once"
    );
    headers.insert(SIGNATURE, HeaderValue::from_bytes(b"v1,\xff").unwrap());
    assert_eq!(error(&headers), "webhook-signature has bytes beyond ASCII");
}

#[test]
fn bounds_are_said() {
    let key = SigningKey::generate_hmac();
    let signer = Signer::new([key.clone()]).unwrap();
    let id = signer.sign("a.b", Timestamp::UNIX_EPOCH, b"").unwrap_err();
    assert_eq!(
        id.to_string(),
        "webhook-id of 3 bytes: expected 1 to 256 of visible ASCII without a dot"
    );
    let time = signer
        .sign("a", Timestamp::from_second(-1).unwrap(), b"")
        .unwrap_err();
    assert_eq!(
        time.to_string(),
        "webhook-timestamp of -1 seconds: expected a time after 1970"
    );
    for found in [0, 9] {
        let expected = format!("{found} webhook keys: expected 1 to 8");
        assert_eq!(
            Signer::new(vec![key.clone(); found])
                .unwrap_err()
                .to_string(),
            expected
        );
        assert_eq!(
            Verifier::new(vec![key.verifying(); found])
                .unwrap_err()
                .to_string(),
            expected
        );
    }
    let verifier = Verifier::new([key.verifying()]).unwrap();
    let error = verifier
        .with_tolerance(std::time::Duration::ZERO)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "a tolerance of 0ns: expected 1s to 3600s"
    );
}

#[test]
fn secrets_are_not_printed() {
    for key in [SigningKey::generate_hmac(), SigningKey::generate_ed25519()] {
        let text = key.expose();
        let again: SigningKey = text.parse().unwrap();
        assert_eq!(again.verifying(), key.verifying());
        let printed = format!("{key:?} {:?}", Signer::new([key.clone()]));
        assert!(
            printed.contains("redacted") && !printed.contains(&text[6..]),
            "{printed}"
        );
    }
    let secret = SigningKey::generate_hmac();
    assert_eq!(
        format!("{:?}", secret.verifying()),
        "VerifyingKey(v1, redacted)"
    );
    assert_ne!(secret.verifying(), SigningKey::generate_hmac().verifying());
    let public = SigningKey::generate_ed25519().verifying();
    assert_eq!(
        format!("{public:?}"),
        format!("VerifyingKey(v1a, {})", *public.expose())
    );
}

proptest::proptest! {
    #[test]
    fn nothing_that_comes_in_headers_panics(id in ".{0,20}", time in ".{0,15}", list in ".{0,200}") {
        if let Ok(headers) = SignatureHeaders::new(&id, &time, &list) {
            let verifier = Verifier::new([SigningKey::generate_ed25519().verifying()]).unwrap();
            let now = Timestamp::from_second(headers.seconds().min(1 << 34)).unwrap();
            proptest::prop_assert!(verifier.verify(&headers, b"", now).is_err());
        }
    }
}
