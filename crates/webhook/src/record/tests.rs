//! States and bounds.

use polywire_core::contract::{Name, Requirement, Version};

use super::*;
use crate::schedule::Stop;
use crate::signature::Algorithm;

const STATES: [State; 9] = [
    State::Pending,
    State::Active,
    State::Paused {
        reason: PauseReason::Subscriber,
    },
    State::Paused {
        reason: PauseReason::VersionRetired,
    },
    State::VersionMismatch,
    State::Disabled { why: Stop::Failing },
    State::Disabled { why: Stop::Gone },
    State::Expired,
    State::Ended,
];

#[test]
fn states_follow_one_another() {
    for from in STATES {
        for to in STATES {
            let expected = from == to
                || match from {
                    State::Expired | State::Ended => false,
                    State::Pending => matches!(to, State::Active | State::Expired | State::Ended),
                    _ => to != State::Pending,
                };
            assert_eq!(from.may_become(to), expected, "{from:?} -> {to:?}");
        }
        assert_eq!(from.delivers(), from == State::Active);
        assert!(!from.is_over() || !from.keeps());
        let written = serde_json::to_string(&from).unwrap();
        assert_eq!(serde_json::from_str::<State>(&written).unwrap(), from);
    }
    let kept: Vec<_> = STATES
        .iter()
        .filter(|state| state.keeps())
        .map(|state| state.code())
        .collect();
    assert_eq!(
        kept,
        ["active", "paused", "paused", "version-mismatch", "disabled"]
    );
    for state in DeliveryState::ALL {
        assert_eq!(DeliveryState::from_number(state.number()), Some(state));
    }
    assert_eq!(DeliveryState::from_number(6), None);
}

fn terms() -> Terms {
    let version = Version::new(2, 4, 0);
    Terms {
        tenant: "acme".into(),
        state: State::Active,
        requested: Requirement::caret(Name::from_static("orders"), &version),
        version,
        float: Float::Minor,
        events: vec![Name::from_static("shipped")],
        group: None,
        sink: "https://hooks.example.com/".into(),
        keys: vec![KeyRecord {
            id: "k1".into(),
            algorithm: Algorithm::Ed25519,
            sealed: Sealed {
                by: "2026".into(),
                bytes: b"hunter2".to_vec(),
            },
            public: None,
            created_at: "2026-11-23T06:00:00Z".parse().unwrap(),
            retires_at: Some("2026-11-24T06:00:00Z".parse().unwrap()),
        }],
        rate: None,
        allowed: None,
        order: KeepOrder::None,
        on_sunset: OnSunset::Pause,
        upgrade: Some(Upgrade {
            from: Version::new(2, 4, 0),
            from_range: Requirement::caret(Name::from_static("orders"), &Version::new(2, 4, 0)),
            to: Version::new(3, 1, 0),
            to_range: Requirement::caret(Name::from_static("orders"), &Version::new(3, 1, 0)),
            phase: Phase::Committed {
                from: 7,
                rollback_until: "2026-12-01T00:00:00Z".parse().unwrap(),
            },
        }),
        proposed: Some(Proposed {
            sink: Some("https://hooks.example.com/other".into()),
            key: None,
            overlap_seconds: 3600,
            upgrade: None,
            resume: true,
            at: "2026-11-23T07:00:00Z".parse().unwrap(),
        }),
        since: Some("2026-11-22T06:00:00Z".parse().unwrap()),
        created_at: "2026-11-23T06:00:00Z".parse().unwrap(),
        lease_until: "2026-12-03T06:00:00Z".parse().unwrap(),
    }
}

#[test]
fn terms_are_written_and_read_and_show_no_secret() {
    let terms = terms();
    let written = serde_json::to_string(&terms).unwrap();
    assert_eq!(serde_json::from_str::<Terms>(&written).unwrap(), terms);
    let printed = format!("{terms:?}");
    assert!(
        printed.contains("Sealed(by \"2026\", redacted)") && !printed.contains("104, 117"),
        "{printed}"
    );
    let key = &terms.keys[0];
    assert!(key.signs(key.created_at) && !key.signs(key.retires_at.unwrap()));
}

#[test]
fn bounds_are_said() {
    let error = |change: fn(&mut Terms)| {
        let mut terms = terms();
        change(&mut terms);
        terms.check().unwrap_err().to_string()
    };
    assert_eq!(
        error(|terms| terms.events = vec![Name::from_static("shipped"); 101]),
        "a subscription with 101 events: expected at most 100"
    );
    assert_eq!(
        error(|terms| terms.tenant = "x".repeat(257)),
        "a subscription with 257 bytes of tenant: expected 1 to 256"
    );
    let wrong = "sub/1".parse::<SubscriptionId>().unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "a subscription id of 5 bytes: expected 1 to 128 of a-z, A-Z, 0-9, '_' and '-'"
    );
    let id = SubscriptionId::random();
    assert_eq!(id.to_string().parse::<SubscriptionId>().unwrap(), id);
    assert_ne!(id, SubscriptionId::random());
}
