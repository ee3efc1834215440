use std::time::{Duration, SystemTime};

use jsonwebtoken::{EncodingKey, Header, encode};
use polywire_core::config::Secret;
use polywire_core::{Authenticator, Caller, Error, ErrorKind, Head, Kind, Result, Token};
use polywire_layers::{Algorithm, JwtAuthenticator, JwtKey, JwtRules};
use serde_json::{Value, json};

use crate::script::message;

const SECRET: &str = "a secret of thirty-two bytes or more";

macro_rules! key {
    ($name:literal) => {
        include_bytes!(concat!("keys/", $name, ".pem"))
    };
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn claims() -> Value {
    json!({ "sub": "storefront", "aud": "shop", "iss": "idp", "exp": now() + 600, "scope": "orders:read orders:write" })
}

/// The claims with one of them set, or removed when it is null.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let map = claims.as_object_mut().unwrap();
    map.remove(name);
    if !value.is_null() {
        map.insert(name.to_owned(), value);
    }
    claims
}

fn sign(algorithm: Algorithm, claims: &Value) -> String {
    let (algorithm, key) = match algorithm {
        Algorithm::Hs256 => (
            jsonwebtoken::Algorithm::HS256,
            EncodingKey::from_secret(SECRET.as_bytes()),
        ),
        Algorithm::Rs256 => (
            jsonwebtoken::Algorithm::RS256,
            EncodingKey::from_rsa_pem(key!("rsa")).unwrap(),
        ),
        Algorithm::Es256 => (
            jsonwebtoken::Algorithm::ES256,
            EncodingKey::from_ec_pem(key!("p256")).unwrap(),
        ),
        Algorithm::EdDsa => (
            jsonwebtoken::Algorithm::EdDSA,
            EncodingKey::from_ed_pem(key!("ed25519")).unwrap(),
        ),
    };
    encode(&Header::new(algorithm), claims, &key).unwrap()
}

fn verifying(algorithm: Algorithm) -> JwtKey {
    match algorithm {
        Algorithm::Hs256 => JwtKey::secret(&Secret::new(SECRET)),
        Algorithm::Rs256 => JwtKey::public_pem(key!("rsa.pub")),
        Algorithm::Es256 => JwtKey::public_pem(key!("p256.pub")),
        Algorithm::EdDsa => JwtKey::public_pem(key!("ed25519.pub")),
    }
    .unwrap()
}

fn rules() -> JwtRules {
    JwtRules {
        audience: vec!["shop".to_owned()],
        issuer: vec!["idp".to_owned()],
        leeway: Duration::from_secs(30),
    }
}

fn authenticator(algorithms: &[Algorithm]) -> JwtAuthenticator {
    let keys = algorithms.iter().copied().map(verifying).collect();
    JwtAuthenticator::new(algorithms, keys, &rules()).unwrap()
}

fn head() -> Head {
    *message(Kind::Operation).head
}

fn ask(authenticator: &JwtAuthenticator, token: &str) -> Result<Caller> {
    authenticator.authenticate(Some(&Token::new(token)), &head())
}

/// The refusal of a token, which must not hold any part of it.
fn refusal(authenticator: &JwtAuthenticator, token: &str) -> String {
    let error = ask(authenticator, token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    let printed = format!("{error} {error:?}");
    for part in token.split('.').filter(|part| part.len() > 8) {
        assert!(!printed.contains(part), "{printed}");
    }
    assert!(!printed.contains("storefront"), "{printed}");
    error.to_string()
}

#[test]
fn every_algorithm_proves_a_caller() {
    for algorithm in Algorithm::ALL {
        let caller = ask(&authenticator(&[algorithm]), &sign(algorithm, &claims())).unwrap();
        assert_eq!(caller.subject(), Some("storefront"));
        assert_eq!(caller.claim("iss"), Some(&json!("idp")));
        assert!(caller.has_scope("orders:write") && !caller.has_scope("orders"));
        assert_eq!(algorithm.name().parse::<Algorithm>().unwrap(), algorithm);
    }
}

#[test]
fn a_token_is_asked_for() {
    let error = authenticator(&[Algorithm::Hs256])
        .authenticate(None, &head())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(
        error.to_string(),
        "no token: this service takes signed tokens only, send one as a bearer token"
    );
}

#[test]
fn claims_that_do_not_hold_are_refused() {
    let authenticator = authenticator(&[Algorithm::Hs256]);
    let (past, future) = (now() - 60, now() + 60);
    for (name, value, expected) in [
        (
            "exp",
            json!(past),
            "token expired: ask its issuer for a new one",
        ),
        ("exp", Value::Null, "token without a time of expiry (exp)"),
        ("exp", json!("soon"), "token without a time of expiry (exp)"),
        (
            "nbf",
            json!(future),
            "token not valid yet: compare the clocks of its issuer and this service",
        ),
        (
            "nbf",
            json!("later"),
            "token with a claim of the wrong type",
        ),
        (
            "aud",
            json!("billing"),
            "token meant for another audience than this service",
        ),
        (
            "aud",
            json!(["billing", "crm"]),
            "token meant for another audience than this service",
        ),
        ("aud", Value::Null, "token without an audience (aud)"),
        ("aud", json!(7), "token without an audience (aud)"),
        (
            "iss",
            json!("stranger"),
            "token of an issuer that is not trusted here",
        ),
        ("iss", Value::Null, "token without an issuer (iss)"),
    ] {
        assert_eq!(
            refusal(
                &authenticator,
                &sign(Algorithm::Hs256, &with(name, value.clone()))
            ),
            expected,
            "{name} {value}"
        );
    }
}

#[test]
fn clocks_may_differ_by_the_leeway() {
    let authenticator = authenticator(&[Algorithm::Hs256]);
    for claims in [
        with("exp", json!(now() - 20)),
        with("nbf", json!(now() + 20)),
        with("aud", json!(["crm", "shop"])),
    ] {
        ask(&authenticator, &sign(Algorithm::Hs256, &claims)).unwrap();
    }
}

#[test]
fn other_algorithms_and_other_signatures_are_refused() {
    let ours = authenticator(&[Algorithm::Rs256]);
    // The public key taken for a shared secret: the classic confusion.
    let confused = encode(
        &Header::default(),
        &claims(),
        &EncodingKey::from_secret(key!("rsa.pub")),
    )
    .unwrap();
    assert_eq!(
        refusal(&ours, &confused),
        "token signed with HS256: expected RS256"
    );
    assert_eq!(
        refusal(&ours, &sign(Algorithm::Es256, &claims())),
        "token signed with ES256: expected RS256"
    );

    let signed = sign(Algorithm::Rs256, &claims());
    let (head, rest) = signed.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let other = sign(Algorithm::Rs256, &with("sub", json!("admin")));
    let body = other.split('.').nth(1).unwrap();
    assert_eq!(
        refusal(&ours, &format!("{head}.{body}.{signature}")),
        "token signed by none of the known keys"
    );

    let both = authenticator(&[Algorithm::Hs256, Algorithm::EdDsa]);
    let stranger = encode(
        &Header::default(),
        &claims(),
        &EncodingKey::from_secret(b"another secret of thirty-two bytes"),
    )
    .unwrap();
    assert_eq!(
        refusal(&both, &stranger),
        "token signed by none of the known keys"
    );
    assert_eq!(
        refusal(&both, &signed),
        "token signed with RS256: expected HS256, EdDSA"
    );
}

#[test]
fn what_is_no_token_is_refused() {
    let authenticator = authenticator(&[Algorithm::Hs256]);
    // {"alg":"none"}
    let unsigned = format!(
        "eyJhbGciOiJub25lIn0.{}.",
        sign(Algorithm::Hs256, &claims()).split('.').nth(1).unwrap()
    );
    for garbage in [
        "",
        ".",
        "..",
        "a.b.c",
        "not a token at all",
        "\u{0}\u{1}.é.ü",
        &unsigned,
    ] {
        let text = refusal(&authenticator, garbage);
        assert_eq!(
            text, "not a signed token: expected three base64url parts joined by dots (RFC 7519)",
            "{garbage:?}"
        );
    }
    let long = "a".repeat(Token::MAX + 1);
    assert_eq!(
        refusal(&authenticator, &long),
        "token of 8193 bytes: at most 8192 are read"
    );
}

#[test]
fn critical_extensions_are_refused() {
    let header = Header {
        crit: Some(vec!["b64".to_owned()]),
        ..Header::default()
    };
    let token = encode(
        &header,
        &claims(),
        &EncodingKey::from_secret(SECRET.as_bytes()),
    )
    .unwrap();
    let text = refusal(&authenticator(&[Algorithm::Hs256]), &token);
    assert_eq!(
        text,
        "token with critical extensions (crit), none of which are understood here"
    );
}

#[test]
fn keys_can_be_rotated() {
    let keys = vec![
        JwtKey::public_pem(key!("ed25519-next.pub")).unwrap(),
        verifying(Algorithm::EdDsa),
    ];
    let authenticator = JwtAuthenticator::new(&[Algorithm::EdDsa], keys, &rules()).unwrap();
    ask(&authenticator, &sign(Algorithm::EdDsa, &claims())).unwrap();
    let next = EncodingKey::from_ed_pem(key!("ed25519-next")).unwrap();
    let token = encode(
        &Header::new(jsonwebtoken::Algorithm::EdDSA),
        &claims(),
        &next,
    )
    .unwrap();
    ask(&authenticator, &token).unwrap();
}

#[test]
fn keys_that_do_not_do_are_refused() {
    let message = |result: Result<JwtKey>| {
        let error: Error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    };
    assert_eq!(
        message(JwtKey::secret(&Secret::new("short"))),
        "secret of 5 bytes: HS256 needs at least 32 (RFC 7518 section 3.2)"
    );
    assert_eq!(
        message(JwtKey::public_pem(key!("p256"))),
        "this is a private key: give the public key, and keep the private one where tokens are signed"
    );
    assert_eq!(
        message(JwtKey::public_pem(key!("rsa-1024.pub"))),
        "RSA key below 2048 bits: RS256 needs at least 2048 (RFC 7518 section 3.3)"
    );
    assert!(
        message(JwtKey::public_pem(key!("p384.pub")))
            .starts_with("public key that ES256 cannot use: ")
    );
    assert_eq!(
        message(JwtKey::public_pem(b"-----BEGIN CERTIFICATE-----\n")),
        "no public key in PEM: expected a text that begins with -----BEGIN PUBLIC KEY-----"
    );
    assert_eq!(
        message(JwtKey::public_pem(
            b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
        )),
        "public key of an unknown kind: expected RSA, P-256 or Ed25519"
    );
}

#[test]
fn rules_that_do_not_fit_are_refused() {
    let refused = |algorithms: &[Algorithm], keys: &[Algorithm], rules: &JwtRules| {
        let keys = keys.iter().copied().map(verifying).collect();
        JwtAuthenticator::new(algorithms, keys, rules)
            .unwrap_err()
            .to_string()
    };
    use Algorithm::{EdDsa, Es256, Hs256};
    assert_eq!(
        refused(&[], &[Hs256], &rules()),
        "no algorithm for tokens: name those that are trusted, of HS256, RS256, ES256, EdDSA"
    );
    assert_eq!(
        refused(&[Hs256, Es256], &[Hs256], &rules()),
        "algorithm ES256 has no key: give a public key for it or leave it out"
    );
    assert_eq!(
        refused(&[Hs256], &[], &rules()),
        "algorithm HS256 has no key: give a secret for it or leave it out"
    );
    assert_eq!(
        refused(&[Hs256], &[Hs256, EdDsa], &rules()),
        "key for EdDSA and algorithms HS256: add it or leave the key out"
    );
    assert_eq!(
        refused(&[Hs256], &[Hs256; 9], &rules()),
        "9 keys for tokens: at most 8 are tried"
    );
    let anyone = JwtRules {
        audience: Vec::new(),
        ..rules()
    };
    assert_eq!(
        refused(&[Hs256], &[Hs256], &anyone),
        "no audience for tokens: name this service as tokens do, or a token for another service would do"
    );
    assert_eq!(
        "none".parse::<Algorithm>().unwrap_err().to_string(),
        "unknown algorithm \"none\": valid are HS256, RS256, ES256, EdDSA"
    );
}

#[test]
fn nothing_printed_holds_a_key() {
    let printed = format!(
        "{:?} {:?}",
        authenticator(&[Algorithm::Hs256, Algorithm::EdDsa]),
        verifying(Algorithm::Hs256)
    );
    assert!(!printed.contains("secret of"), "{printed}");
    assert!(printed.contains("JwtKey(HS256)"), "{printed}");
}
