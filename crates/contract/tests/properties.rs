//! What holds for every requirement and every offer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use polywire_contract::{
    Digest, Name, NoMatch, Offer, Offered, Range, Requirement, Status, Track, Version, Why,
    negotiate,
};
use proptest::prelude::*;

const ORDERS: Name = Name::from_static("orders");
const OPERATIONS: [&str; 3] = ["cancel", "quote", "refund"];

fn version() -> impl Strategy<Value = Version> {
    let pre =
        prop_oneof![4 => Just(""), 1 => Just("-alpha"), 1 => Just("-rc.1"), 1 => Just("-rc.2")];
    (
        0_u64..4,
        0_u64..4,
        0_u64..3,
        pre,
        prop_oneof![3 => Just(""), 1 => Just("+b1")],
    )
        .prop_map(|(major, minor, patch, pre, build)| {
            format!("{major}.{minor}.{patch}{pre}{build}")
                .parse()
                .unwrap()
        })
}

fn comparator() -> impl Strategy<Value = String> {
    let operator = prop_oneof![3 => Just("^"), 1 => Just("~"), 1 => Just("="), 1 => Just(">"), 1 => Just(">="),
        1 => Just("<"), 1 => Just("<=")];
    (operator, version(), 0..3_usize).prop_map(|(operator, version, parts)| match parts {
        0 => format!("{operator}{}", version.major),
        1 => format!("{operator}{}.{}", version.major, version.minor),
        _ => format!(
            "{operator}{}",
            version.to_string().split('+').next().unwrap()
        ),
    })
}

fn range() -> impl Strategy<Value = Range> {
    prop_oneof![
        1 => Just(Range::ANY),
        9 => prop::collection::vec(comparator(), 1..4).prop_map(|parts| parts.join(", ").parse().unwrap()),
    ]
}

fn requirement() -> impl Strategy<Value = Requirement> {
    let uses = prop::sample::subsequence(&OPERATIONS[..], 0..=2);
    let known = prop::option::of((version(), 0_u8..2));
    (prop::collection::vec(range(), 1..4), uses, known).prop_map(|(ranges, uses, known)| {
        let mut requirement = Requirement::new(ORDERS, ranges).unwrap();
        for operation in uses {
            requirement = requirement.using(Name::from_static(operation));
        }
        match known {
            Some((version, seed)) => requirement.with_known(version, Digest::of(&[seed])),
            None => requirement,
        }
    })
}

fn offered() -> impl Strategy<Value = Offered> {
    let status = prop_oneof![3 => Just(Status::Current), 1 => Just(Status::Deprecated), 1 => Just(Status::Withdrawn)];
    let interactions = prop::option::of(prop::sample::subsequence(&OPERATIONS[..], 0..=3));
    (version(), status, prop::option::of(0_u8..2), interactions).prop_map(
        |(version, status, seed, names)| Offered {
            status,
            digest: seed.map(|seed| Digest::of(&[seed])),
            sunset: (status == Status::Deprecated).then(|| "2027-06-30T00:00:00Z".to_owned()),
            interactions: names.map(|names| names.into_iter().map(Name::from_static).collect()),
            ..Offered::new(version)
        },
    )
}

fn versions() -> impl Strategy<Value = Vec<Offered>> {
    prop::collection::vec(offered(), 0..8).prop_map(|all| {
        let mut seen = BTreeSet::new();
        let precedence = |v: &Version| (v.major, v.minor, v.patch, v.pre.clone());
        all.into_iter()
            .filter(|offered| seen.insert(precedence(&offered.version)))
            .collect()
    })
}

/// The rule as written, without the order that [`Offer`] gives: the slow second opinion.
fn expected(requirement: &Requirement, versions: &[Offered]) -> Option<Version> {
    let eligible = |offered: &&Offered| {
        let known = requirement.known().is_none_or(|known| {
            known.version.cmp_precedence(&offered.version).is_ne()
                || offered.digest.is_none_or(|d| d == known.digest)
        });
        let complete = match &offered.interactions {
            Some(names) => requirement
                .uses()
                .iter()
                .all(|operation| names.contains(operation)),
            None => true,
        };
        known && complete && offered.status != Status::Withdrawn
    };
    requirement.ranges().iter().find_map(|range| {
        let matching = versions
            .iter()
            .filter(eligible)
            .map(|offered| &offered.version);
        matching
            .filter(|version| range.matches(version))
            .max_by(|a, b| a.cmp_precedence(b))
            .cloned()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_outcome_is_the_rule(requirement in requirement(), versions in versions()) {
        let offer = Offer::new(ORDERS, versions.clone()).unwrap();
        match negotiate(&requirement, &offer) {
            Ok(agreement) => {
                prop_assert!(requirement.accepts(&agreement.version));
                prop_assert_ne!(agreement.status, Status::Withdrawn);
                prop_assert_eq!(agreement.track, Track::of(&agreement.version));
                if let Some(floor) = requirement.floor() {
                    prop_assert!(agreement.version.cmp_precedence(floor).is_ge());
                }
                prop_assert_eq!(Some(agreement.version), expected(&requirement, &versions));
            }
            Err(refusal) => {
                prop_assert_eq!(expected(&requirement, &versions), None);
                prop_assert_eq!(refusal.offered.len(), versions.len());
                prop_assert!(!refusal.dispatched);
                for refused in &refusal.offered {
                    let in_range = matches!(refused.why, Why::Withdrawn | Why::Integrity | Why::MissingOperation);
                    prop_assert_eq!(in_range, requirement.accepts(&refused.version), "{}", refusal);
                }
            }
        }
    }

    #[test]
    fn the_order_of_the_offer_does_not_matter(
        requirement in requirement(),
        (versions, shuffled) in versions().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let one = Offer::new(ORDERS, versions).unwrap();
        let other = Offer::new(ORDERS, shuffled).unwrap();
        prop_assert_eq!(negotiate(&requirement, &one), negotiate(&requirement, &other));
    }

    #[test]
    fn a_refusal_survives_json(requirement in requirement(), versions in versions()) {
        let offer = Offer::new(ORDERS, versions).unwrap().with_instance("orders-7f9c");
        if let Err(refusal) = negotiate(&requirement, &offer) {
            let text = serde_json::to_string(&refusal).unwrap();
            let back: NoMatch = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&back, &*refusal);
            prop_assert_eq!(back.to_string(), refusal.to_string());
            prop_assert!(!refusal.to_string().contains('\n'));
        }
    }

    #[test]
    fn requirements_and_offers_survive_their_texts(requirement in requirement(), versions in versions()) {
        let text = requirement.list_text();
        let back = Requirement::parse_list(ORDERS, text).unwrap();
        prop_assert_eq!(back.ranges(), requirement.ranges());
        let json = serde_json::to_string(&requirement).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Requirement>(&json).unwrap(), &requirement);

        let offer = Offer::new(ORDERS, versions).unwrap();
        let json = serde_json::to_string(&offer).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Offer>(&json).unwrap(), &offer);
        let live = offer.versions().iter().filter(|offered| offered.status != Status::Withdrawn);
        let live: Vec<&Version> = live.map(|offered| &offered.version).collect();
        let parsed = Offer::parse_header(ORDERS, &offer.header_text()).unwrap();
        prop_assert_eq!(parsed.versions().iter().map(|offered| &offered.version).collect::<Vec<_>>(), live);
    }

    #[test]
    fn a_range_is_its_text(range in range()) {
        let back: Range = range.to_string().parse().unwrap();
        prop_assert_eq!(back, range);
    }

    #[test]
    fn what_matches_is_above_the_floor_and_in_the_track(range in range(), version in version()) {
        if range.matches(&version) {
            if let Some(floor) = range.floor() {
                prop_assert!(version.cmp_precedence(&floor).is_ge(), "{range} takes {version}, floor {floor}");
            }
            if let Some(track) = range.track() {
                prop_assert!(track.contains(&version), "{range} takes {version}, track {track}");
            }
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>()) {
        let refusals = [
            text.parse::<Range>().err().map(|wrong| wrong.to_string()),
            text.parse::<Name>().err().map(|wrong| wrong.to_string()),
            text.parse::<Track>().err().map(|wrong| wrong.to_string()),
            text.parse::<Digest>().err().map(|wrong| wrong.to_string()),
            Requirement::parse_list(ORDERS, &text).err().map(|wrong| wrong.to_string()),
            Offer::parse_header(ORDERS, &text).err().map(|wrong| wrong.to_string()),
        ];
        for message in refusals.into_iter().flatten() {
            prop_assert!(!message.is_empty() && !message.contains('\n'), "{message:?}");
        }
    }

    #[test]
    fn near_ranges_are_parsed_or_refused(text in "[ ^~=<>!v0-9.,x*|;+a-]{0,24}") {
        if let Ok(range) = text.parse::<Range>() {
            prop_assert_eq!(range.to_string().parse::<Range>().unwrap(), range);
        }
    }
}
