//! Names, tracks, digests, ranges, requirements, offers: what is valid, and what is said about the rest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::HashMap;

use polywire_contract::{
    Agreement, Digest, Known, Name, NoMatch, Offer, Offered, Range, Requirement, Retry, Status,
    Track, Version, Why, negotiate,
};

const ORDERS: Name = Name::from_static("orders");

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn range(text: &str) -> Range {
    text.parse().unwrap()
}

#[test]
fn names() {
    for valid in [
        "a",
        "orders",
        "place_order",
        "acme.orders-v2",
        &"a".repeat(100),
    ] {
        assert_eq!(valid.parse::<Name>().unwrap().as_str(), valid);
    }
    let hint = "write 1 to 100 of a-z, 0-9, \".\", \"_\", \"-\", beginning with a letter";
    for (invalid, message) in [
        ("", format!("empty name: {hint}")),
        ("Orders", "'O' at byte 0 of name \"Orders\": write a-z, 0-9, \".\", \"_\", \"-\", beginning with a letter".into()),
        ("9lives", "'9' at byte 0 of name \"9lives\": write a-z, 0-9, \".\", \"_\", \"-\", beginning with a letter".into()),
        ("a/b", "'/' at byte 1 of name \"a/b\": write a-z, 0-9, \".\", \"_\", \"-\", beginning with a letter".into()),
        ("aé", "'é' at byte 1 of name \"aé\": write a-z, 0-9, \".\", \"_\", \"-\", beginning with a letter".into()),
        (&"a".repeat(101), "name of 101 bytes: at most 100 are valid".into()),
    ] {
        assert_eq!(invalid.parse::<Name>().unwrap_err().to_string(), message);
    }
    assert!(
        serde_json::from_str::<Name>("\"a b\"")
            .unwrap_err()
            .to_string()
            .contains("' ' at byte 1")
    );
}

#[test]
fn a_static_and_a_shared_name_are_one_key() {
    let mut map = HashMap::new();
    map.insert(ORDERS, 1);
    map.insert("orders".parse().unwrap(), 2);
    assert_eq!(map.len(), 1);
    assert_eq!(map.get("orders"), Some(&2));
}

#[test]
fn tracks() {
    for (text, of) in [
        ("v1", "1.4.2"),
        ("v12", "12.0.0-rc.1"),
        ("v0.3", "0.3.9"),
        ("v0.0", "0.0.7"),
    ] {
        let track: Track = text.parse().unwrap();
        assert_eq!(track, Track::of(&version(of)));
        assert_eq!(track.to_string(), text);
    }
    for invalid in [
        "",
        "v",
        "1",
        "v0",
        "v1.2",
        "v01",
        "v0.03",
        "v+1",
        "v0.",
        "v-1",
        "V1",
        "v99999999999999999999",
    ] {
        assert_eq!(
            invalid.parse::<Track>().unwrap_err().to_string(),
            format!(
                "track {invalid:?} is not valid: write \"v1\", or \"v0.3\" while the major is 0"
            )
        );
    }
    assert!(Track::Zero(9) < Track::Major(1) && Track::Zero(2) < Track::Zero(10));
}

#[test]
fn digests() {
    // FIPS 180-4, the empty message.
    let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Digest::of(b"").to_string(), empty);
    assert_eq!(empty.parse::<Digest>().unwrap(), Digest::of(b""));
    for invalid in [
        "",
        "sha256:",
        &empty[7..],
        &empty[..70],
        &empty.to_uppercase(),
        "sha256:zz",
        &format!("{empty}0"),
    ] {
        let message = invalid.parse::<Digest>().unwrap_err().to_string();
        assert!(
            message
                .ends_with("is not valid: write \"sha256:\" and 64 lower-case hexadecimal digits"),
            "{message}"
        );
    }
}

#[test]
fn floors_and_tracks_of_ranges() {
    for (text, floor, track) in [
        ("^1.2", Some("1.2.0"), Some("v1")),
        ("^0.3.1", Some("0.3.1"), Some("v0.3")),
        ("^0.0.3", Some("0.0.3"), Some("v0.0")),
        ("^0.0", Some("0.0.0"), Some("v0.0")),
        ("^0", Some("0.0.0"), None),
        ("~1", Some("1.0.0"), Some("v1")),
        ("~0.3", Some("0.3.0"), Some("v0.3")),
        ("~0", Some("0.0.0"), None),
        ("=1.4.2", Some("1.4.2"), Some("v1")),
        ("=1", Some("1.0.0"), Some("v1")),
        ("=0", Some("0.0.0"), None),
        (">=1.2", Some("1.2.0"), None),
        (">=1.2, <2", Some("1.2.0"), Some("v1")),
        (">=1.2, <=2", Some("1.2.0"), None),
        (">=1.2, <=1.9", Some("1.2.0"), Some("v1")),
        (">=1.2, <3", Some("1.2.0"), None),
        (">=1.2, <2.0.0-rc.1", Some("1.2.0"), None),
        (">=2.0.0-rc.1, <2.0.0-rc.4", Some("2.0.0-rc.1"), Some("v2")),
        (">1.2, ^1.1", Some("1.3.0"), Some("v1")),
        (">1.2.3-rc.1, <1.3", Some("1.2.3-rc.1.0"), Some("v1")),
        (">=2, <1", Some("2.0.0"), None),
        ("=1.2.3, <1.2.3", Some("1.2.3"), None),
        ("<2", None, None),
        ("*", None, None),
        (
            ">18446744073709551615",
            Some("18446744073709551615.0.0"),
            None,
        ),
    ] {
        assert_eq!(range(text).floor(), floor.map(version), "floor of {text}");
        assert_eq!(
            range(text).track(),
            track.map(|track| track.parse().unwrap()),
            "track of {text}"
        );
    }
    assert_eq!(Range::caret(&version("1.4.0+build")).to_string(), "^1.4.0");
    assert_eq!(Range::caret(&version("2.0.0-rc.1")), range("^2.0.0-rc.1"));
    assert_eq!(Range::track_of(Track::Major(2)), range("^2"));
    assert_eq!(Range::track_of(Track::Zero(3)), range("^0.3"));
}

#[test]
fn requirements() {
    let both = Requirement::parse_list(ORDERS, "^2.0 ;^1.2").unwrap();
    assert_eq!(both.list_text(), "^2.0; ^1.2");
    assert_eq!(both.floor(), Some(&version("1.2.0")));
    assert_eq!(both.tracks(), [Track::Major(2), Track::Major(1)]);
    assert!(
        both.accepts(&version("2.3.0"))
            && both.accepts(&version("1.2.0"))
            && !both.accepts(&version("3.0.0"))
    );
    assert_eq!(
        Requirement::caret(ORDERS, &version("1.4.0")).list_text(),
        "^1.4.0"
    );
    assert_eq!(
        Requirement::track(ORDERS, Track::Zero(3)).list_text(),
        "^0.3"
    );
    assert_eq!(
        Requirement::parse_list(ORDERS, ">=1, <3; ^3.1")
            .unwrap()
            .tracks(),
        [Track::Major(3)]
    );

    for (text, message) in [
        ("", "empty range: write \"^1.2\", or \"*\" for any release"),
        (
            "^1;",
            "empty range: write \"^1.2\", or \"*\" for any release",
        ),
        ("^1; 2.0", "bare version \"2.0\": write \"^2.0\""),
        (
            "^1;^1;^1;^1;^1;^1;^1;^1;^1",
            "requirement on contract \"orders\" has 9 ranges: at most 8 are valid",
        ),
    ] {
        assert_eq!(
            Requirement::parse_list(ORDERS, text)
                .unwrap_err()
                .to_string(),
            message
        );
    }
    assert_eq!(
        Requirement::new(ORDERS, []).unwrap_err().to_string(),
        "requirement on contract \"orders\" has no range: give at least one, such as \"^1.2\""
    );
    let many: Vec<String> = (0..1001).map(|number| format!("op{number}")).collect();
    let json = serde_json::json!({ "contract": "orders", "ranges": ["^1"], "uses": many });
    assert_eq!(
        serde_json::from_value::<Requirement>(json)
            .unwrap_err()
            .to_string(),
        "requirement on contract \"orders\" names 1001 operations: at most 1000 are valid"
    );
}

#[test]
fn known_contracts() {
    let digest = Digest::of(b"orders");
    let known = Known {
        version: version("1.4.0"),
        digest,
    };
    let text = format!("{digest}; version=1.4.0");
    assert_eq!(known.to_string(), text);
    assert_eq!(text.parse(), Ok(known.clone()));
    assert_eq!(format!(" {digest} ;version=1.4.0 ").parse(), Ok(known));
    for invalid in [
        String::new(),
        digest.to_string(),
        format!("{digest}; 1.4.0"),
        format!("{digest}; version=1.4"),
        "md5; version=1.4.0".to_owned(),
    ] {
        assert_eq!(
            invalid.parse::<Known>().unwrap_err().to_string(),
            format!(
                "{:?} is no known contract: write \"sha256:<64 hexadecimal digits>; version=1.4.0\"",
                invalid.chars().take(80).collect::<String>()
            )
        );
    }
}

#[test]
fn statuses() {
    for status in [Status::Current, Status::Deprecated, Status::Withdrawn] {
        assert_eq!(Status::from_text(&status.to_string()), status);
    }
    assert_eq!(Status::from_text("frozen"), Status::Current);
}

#[test]
fn offers() {
    let offer = Offer::parse_header(ORDERS, "2.1.0, 1.5.2,0.9.1").unwrap();
    assert_eq!(offer.header_text(), "0.9.1, 1.5.2, 2.1.0");
    assert_eq!(
        offer.tracks(),
        [Track::Zero(9), Track::Major(1), Track::Major(2)]
    );
    assert_eq!(
        offer.find(&version("1.5.2+x")).unwrap().version,
        version("1.5.2")
    );
    assert_eq!(offer.find(&version("1.5.3")), None);
    assert_eq!(
        Offer::parse_header(ORDERS, " ").unwrap(),
        Offer::none(ORDERS)
    );

    let twice = ["1.4.0+b", "1.3.0", "1.4.0+a"].map(|text| Offered::new(version(text)));
    assert_eq!(
        Offer::new(ORDERS, twice.to_vec()).unwrap_err().to_string(),
        "contract \"orders\" is offered as 1.4.0+a and as 1.4.0+b, which differ in build metadata only: offer one of them"
    );
    let message = Offer::parse_header(ORDERS, "1.5.2, 2.1")
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("\"2.1\" in the offer of contract \"orders\" is no version: "),
        "{message}"
    );
    let long = "1.0.0,".repeat(100) + "1.0.0";
    assert_eq!(
        Offer::parse_header(ORDERS, &long).unwrap_err().to_string(),
        "contract \"orders\" is offered in 101 versions: at most 100 are valid"
    );
}

fn agree(requirement: &str, offer: &str) -> Result<Agreement, Box<NoMatch>> {
    let offer = Offer::parse_header(ORDERS, offer)
        .unwrap()
        .with_instance("orders-7f9c");
    negotiate(
        &Requirement::parse_list(ORDERS, requirement).unwrap(),
        &offer,
    )
}

#[test]
fn the_refusal_document_has_these_members_in_this_order() {
    let refusal = agree("^1.5", "1.4.2, 2.1.0").unwrap_err();
    let text = serde_json::to_string(&refusal).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"type":"urn:polywire:problem:no-match","title":"No contract version matches","status":406,"#,
            r#""detail":"no version of contract \"orders\" satisfies ^1.5: the provider \"orders-7f9c\" offers "#,
            r#"1.4.2 (too old), 2.1.0 (another major); upgrade the provider to 1.5.0 or require ^1.4","#,
            r#""contract":"orders","required":["^1.5"],"floor":"1.5.0","dispatched":false,"retry":"other-replica","#,
            r#""offered":[{"version":"1.4.2","status":"current","why":"below-floor"},"#,
            r#"{"version":"2.1.0","status":"current","why":"major"}],"#,
            r#""nearest":"1.4.2","instance":"orders-7f9c","offers":"/.well-known/contracts"}"#
        )
    );
}

#[test]
fn a_refusal_from_a_newer_peer_is_read() {
    let text = r#"{"type":"urn:polywire:problem:no-match","status":406,"contract":"orders","required":["^9\nforged log line"],
        "retry":"ask-the-operator","reason":"quota","offered":[{"version":"1.0.0","why":"phase-of-moon","weight":3}],"extra":{}}"#;
    let refusal: NoMatch = serde_json::from_str(text).unwrap();
    assert_eq!(refusal.retry, Retry::Never);
    assert_eq!(refusal.offered[0].why, Why::Other);
    assert_eq!(refusal.offers, NoMatch::OFFERS);
    assert!(!refusal.to_string().contains('\n'), "{refusal}");
}

#[test]
fn an_operation_newer_than_the_agreement_is_refused_in_words() {
    let agreement = agree("^1.2", "1.4.2").unwrap();
    let requirement = Requirement::parse_list(ORDERS, "^1.2").unwrap();
    let refund = Name::from_static("refund");
    let refusal = NoMatch::operation_since(&requirement, &agreement, refund, version("1.5.0"));
    assert_eq!(
        refusal.to_string(),
        "operation \"refund\" of contract \"orders\" came with 1.5.0, but the provider offers 1.4.2 (without operation \
         \"refund\"); upgrade the provider to 1.5.0 or do without \"refund\""
    );
    assert_eq!(
        (refusal.retry, refusal.dispatched),
        (Retry::OtherReplica, false)
    );
    let json = serde_json::to_value(&refusal).unwrap();
    assert_eq!(
        (&json["operation"], &json["since"]),
        (&"refund".into(), &"1.5.0".into())
    );
}

#[test]
fn public_types_cross_threads() {
    fn check<T: Send + Sync + Clone + 'static>() {}
    check::<Agreement>();
    check::<NoMatch>();
    check::<Offer>();
    check::<Requirement>();
    check::<polywire_contract::Contract>();
}
