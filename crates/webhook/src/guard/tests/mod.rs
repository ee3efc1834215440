//! The table of `spec/vectors/webhook-sinks.json`, and policies.

mod connections;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Vectors {
    refused: Vec<Refused>,
    accepted: Vec<Accepted>,
}

#[derive(Deserialize)]
struct Refused {
    row: u32,
    url: String,
    answers: Option<Vec<IpAddr>>,
    refused: String,
}

#[derive(Deserialize)]
struct Accepted {
    url: String,
    answers: Option<Vec<IpAddr>>,
    uri: String,
}

fn vectors() -> Vectors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/webhook-sinks.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn policy() -> Policy {
    Policy::default()
        .plaintext(true)
        .own_origins(&[("Orders.example.com.", 80)])
        .unwrap()
        .own_addresses(&["8.8.4.4:80".parse().unwrap()])
        .unwrap()
}

/// What becomes of an URL, without connecting: the URL is read, its name looked up, its addresses judged.
fn judged(url: &str, answers: Option<&[IpAddr]>, policy: &Policy) -> Result<Target, GuardError> {
    let target = Target::parse(url, policy)?;
    let literal = target::literal(target.host()).map(|address| vec![address]);
    let addresses = literal.unwrap_or_else(|| answers.unwrap_or_default().to_vec());
    policy.check(target.asked(), &addresses)?;
    Ok(target)
}

#[test]
fn every_row_of_the_table_is_refused_and_says_no_address() {
    let cases = vectors().refused;
    for case in &cases {
        let error = judged(&case.url, case.answers.as_deref(), &policy()).unwrap_err();
        assert_eq!(
            error.to_string(),
            case.refused,
            "row {}: {:?}",
            case.row,
            case.url
        );
        let error = format!("{error:?} {:?}", polywire_core::Error::from(error.clone()));
        for address in case.answers.iter().flatten() {
            assert!(!error.contains(&address.to_string()), "{error}");
        }
    }
    let rows: BTreeSet<_> = cases.iter().map(|case| case.row).collect();
    let elsewhere = BTreeSet::from([25]);
    assert_eq!(
        rows.union(&elsewhere).copied().collect::<Vec<_>>(),
        (1..=28).collect::<Vec<_>>()
    );
}

#[test]
fn public_sinks_are_taken_and_requested_in_the_text_that_was_judged() {
    for case in vectors().accepted {
        let target = judged(&case.url, case.answers.as_deref(), &policy());
        let target =
            target.unwrap_or_else(|error| panic!("{} {:?}: {error}", case.url, case.answers));
        assert_eq!(target.uri().to_string(), case.uri);
    }
}

#[test]
fn by_default_only_https_on_its_port() {
    let answers = ["8.8.8.8".parse().unwrap()];
    let judged = |url| judged(url, Some(&answers), &Policy::default()).map(drop);
    assert_eq!(judged("https://hooks.example.com/"), Ok(()));
    assert_eq!(
        judged("http://hooks.example.com/"),
        Err(GuardError::Plaintext)
    );
    let error = judged("https://hooks.example.com:8443/").unwrap_err();
    assert_eq!(
        error.to_string(),
        "port 8443 of the sink is not one that deliveries go to: use 443"
    );
    assert!(error.is_lasting() && !GuardError::Unresolved.is_lasting());
}

#[test]
fn an_allow_list_opens_its_networks_on_every_port_and_nothing_else() {
    let policy = Policy::default()
        .allow(&["127.0.0.0/8", "fd00:1::/32"])
        .unwrap()
        .deny(&["127.0.0.9/32"])
        .unwrap();
    let judged = |url, answers: &[&str]| {
        let answers: Vec<IpAddr> = answers
            .iter()
            .map(|answer| answer.parse().unwrap())
            .collect();
        judged(url, Some(&answers), &policy).map(drop)
    };
    assert_eq!(judged("http://127.0.0.1:5000/", &[]), Ok(()));
    assert_eq!(judged("http://[::ffff:127.0.0.1]:5000/", &[]), Ok(()));
    assert_eq!(judged("http://localhost:5000/", &["127.0.0.1"]), Ok(()));
    assert_eq!(
        judged("http://consumer:5000/", &["127.0.0.1", "fd00:1::7"]),
        Ok(())
    );
    assert_eq!(judged("https://hooks.example.com/", &["8.8.8.8"]), Ok(()));
    for (url, answers) in [
        ("http://127.0.0.9:5000/", &[][..]),
        ("http://10.0.0.1/", &[]),
        ("http://localhost:5000/", &["127.0.0.1", "10.0.0.1"]),
        ("https://localhost/", &["127.0.0.1", "8.8.8.8"]),
        ("http://[64:ff9b::a9fe:a9fe]/", &[]),
    ] {
        assert_eq!(judged(url, answers), Err(GuardError::Refused), "{url}");
    }
    let mixed = judged("http://hooks.example.com:5000/", &["127.0.0.1", "8.8.8.8"]);
    assert_eq!(mixed, Err(GuardError::Plaintext));
    let own = policy
        .clone()
        .own_addresses(&["0.0.0.0:5000".parse().unwrap()])
        .unwrap();
    assert_eq!(
        Target::parse("http://127.0.0.1:5000/", &own),
        Err(GuardError::Own)
    );
    assert!(Target::parse("http://127.0.0.1:5001/", &own).is_ok());
}

#[test]
fn wrong_policies_say_what_is_valid() {
    let error = Policy::default().allow(&["127.0.0.1"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"127.0.0.1\" is no network: write an address and the length of its prefix, such as 10.1.0.0/16 or fd00::/8"
    );
    let error = Policy::default().deny(&["10.0.0.0/8"; 65]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "65 entries in the deny-list of sinks: expected at most 64"
    );
}

#[test]
fn a_target_shows_no_path() {
    let target = Target::parse(
        "https://hooks.example.com/secret?token=x",
        &Policy::default(),
    )
    .unwrap();
    assert_eq!(
        format!("{target} {target:?}"),
        "https://hooks.example.com:443 Target(https://hooks.example.com:443)"
    );
}
