//! The shared negotiation vectors, which every language's implementation reads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::path::Path;

use polywire_contract::{
    Digest, NoMatch, Offer, Range, Reason, Requirement, Retry, Status, Track, Version, Why,
    negotiate,
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
    ranges: Vec<RangeCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    requirement: Requirement,
    offer: Offer,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Expect {
    Agreed {
        agreed: Version,
        track: Option<Track>,
        status: Option<Status>,
        sunset: Option<String>,
        digest: Option<Digest>,
    },
    NoMatch {
        no_match: Refusal,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    floor: Option<Version>,
    nearest: Option<Version>,
    retry: Retry,
    offered: Vec<Lost>,
    operation: Option<String>,
    reason: Option<Reason>,
    found: Option<String>,
    instance: Option<String>,
    detail: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lost {
    version: Version,
    why: Why,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeCase {
    text: String,
    ok: bool,
    canonical: Option<String>,
    error_contains: Option<String>,
}

fn vectors() -> Vectors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/negotiation.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn negotiation_answers_every_vector() {
    let cases = vectors().cases;
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "case names are unique");

    let mut wrong = Vec::new();
    for case in &cases {
        if let Err(difference) = check(case) {
            wrong.push(format!("{}: {difference}", case.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

fn check(case: &Case) -> Result<(), String> {
    match (&case.expect, negotiate(&case.requirement, &case.offer)) {
        (
            Expect::Agreed {
                agreed,
                track,
                status,
                sunset,
                digest,
            },
            Ok(agreement),
        ) => {
            same("agreed", agreed, &agreement.version)?;
            same(
                "track",
                &track.unwrap_or(Track::of(agreed)),
                &agreement.track,
            )?;
            status.map_or(Ok(()), |status| same("status", &status, &agreement.status))?;
            if sunset.is_some() {
                same("sunset", sunset, &agreement.sunset)?;
            }
            if digest.is_some() {
                same("digest", digest, &agreement.digest)?;
            }
            Ok(())
        }
        (Expect::NoMatch { no_match }, Err(refusal)) => check_refusal(no_match, &refusal),
        (Expect::Agreed { agreed, .. }, Err(refusal)) => {
            Err(format!("expected {agreed}, got: {refusal}"))
        }
        (Expect::NoMatch { .. }, Ok(agreement)) => Err(format!("agreed on {}", agreement.version)),
    }
}

fn check_refusal(expected: &Refusal, refusal: &NoMatch) -> Result<(), String> {
    let lost: Vec<Lost> = refusal
        .offered
        .iter()
        .map(|refused| Lost {
            version: refused.version.clone(),
            why: refused.why,
        })
        .collect();
    same("offered", &expected.offered, &lost)?;
    same("floor", &expected.floor, &refusal.floor)?;
    same("nearest", &expected.nearest, &refusal.nearest)?;
    same("retry", &expected.retry, &refusal.retry)?;
    same(
        "operation",
        &expected.operation.as_deref(),
        &refusal.operation.as_deref(),
    )?;
    same("reason", &expected.reason, &refusal.reason)?;
    same("found", &expected.found, &refusal.found)?;
    same("instance", &expected.instance, &refusal.instance)?;
    same("dispatched", &false, &refusal.dispatched)?;
    let detail = refusal.to_string();
    if let Some(expected) = &expected.detail {
        same("detail", expected, &detail)?;
    }
    let json = serde_json::to_value(refusal).map_err(|wrong| wrong.to_string())?;
    same("detail in JSON", &json["detail"], &Value::String(detail))?;
    same("status in JSON", &json["status"], &Value::from(406))?;
    let back: NoMatch = serde_json::from_value(json).map_err(|wrong| wrong.to_string())?;
    same("round trip", refusal, &back)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, got: &T) -> Result<(), String> {
    if expected == got {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, got {got:?}"))
    }
}

#[test]
fn the_range_grammar_takes_and_refuses_every_vector() {
    let mut wrong = Vec::new();
    for case in vectors().ranges {
        let parsed: Result<Range, _> = case.text.parse();
        let difference = match (case.ok, parsed) {
            (true, Ok(range)) => same("canonical", &case.canonical, &Some(range.to_string())).err(),
            (false, Err(error)) => {
                let wanted = case
                    .error_contains
                    .as_deref()
                    .expect("a refusal states a part of its message");
                let message = error.to_string();
                (!message.contains(wanted)).then(|| format!("expected {wanted:?} in {message:?}"))
            }
            (true, Err(error)) => Some(format!("refused: {error}")),
            (false, Ok(range)) => Some(format!("taken as {range}")),
        };
        wrong.extend(difference.map(|difference| format!("{:?}: {difference}", case.text)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
