//! Subscriptions.

use polywire::contract::{Name, Track};
use polywire::webhook::record::{PauseReason, State, Subscription, Terms};
use polywire::webhook::schedule::Stop;
use polywire::webhook::store::Backlog;
use serde_json::{Value, json};

use crate::format::{Format, print};
use crate::text::{facts, or_none, rows};
use crate::times::show;

/// Prints which there are.
///
/// # Errors
/// As [`print`].
pub(in crate::webhook) fn subscriptions(
    found: &[Subscription],
    format: Format,
) -> Result<(), String> {
    let values: Vec<Value> = found.iter().map(as_json).collect();
    print(format, &values, || {
        let header = [
            "id", "state", "contract", "version", "group", "events", "tenant", "sink", "failing",
        ];
        rows(header, found.iter().map(row))
    })
}

/// Prints one, with how much is kept for it.
///
/// # Errors
/// As [`print`].
pub(in crate::webhook) fn subscription(
    found: &Subscription,
    backlog: Backlog,
    last: u64,
    format: Format,
) -> Result<(), String> {
    let mut value = as_json(found);
    value["sequence"] = last.into();
    value["backlog"] = json!({
        "deliveries": backlog.deliveries,
        "bytes": backlog.bytes,
        "dead_and_parked": backlog.letters,
    });
    print(format, &value, || {
        let terms = &found.terms;
        let keys: Vec<String> = terms
            .keys
            .iter()
            .map(|key| {
                let retires = key.retires_at.map(|at| format!(", until {}", show(at)));
                let algorithm = key.algorithm.version();
                format!("{} ({algorithm}{})", key.id, retires.unwrap_or_default())
            })
            .collect();
        facts(vec![
            ("id", found.id.to_string()),
            ("state", state(terms.state)),
            ("contract", terms.contract().to_string()),
            (
                "version",
                format!("{} of {}", terms.version, terms.requested.list_text()),
            ),
            ("group", or_none(terms.group.as_ref())),
            ("events", events(terms)),
            ("tenant", terms.tenant.clone()),
            ("sink", sink(&terms.sink)),
            (
                "rate",
                or_none(
                    terms
                        .rate
                        .map(|rate| format!("{} a minute", rate.per_minute)),
                ),
            ),
            (
                "failing since",
                or_none(found.standing.failing_since.map(show)),
            ),
            ("held until", or_none(found.standing.held_until.map(show))),
            ("keys", keys.join(", ")),
            (
                "new key",
                or_none(waiting(terms).map(|key| format!("{key}, which waits for consent"))),
            ),
            ("created", show(terms.created_at)),
            ("lease until", show(terms.lease_until)),
            ("published", last.to_string()),
            (
                "to deliver",
                format!("{} with {} bytes", backlog.deliveries, backlog.bytes),
            ),
            ("dead or parked", backlog.letters.to_string()),
        ])
    })
}

fn row(found: &Subscription) -> [String; 9] {
    let terms = &found.terms;
    [
        found.id.to_string(),
        state(terms.state),
        terms.contract().to_string(),
        terms.version.to_string(),
        or_none(terms.group.as_ref()),
        events(terms),
        terms.tenant.clone(),
        sink(&terms.sink),
        or_none(found.standing.failing_since.map(show)),
    ]
}

fn as_json(found: &Subscription) -> Value {
    let (terms, standing) = (&found.terms, &found.standing);
    let keys: Vec<Value> = terms
        .keys
        .iter()
        .map(|key| {
            json!({
                "kid": key.id,
                "algorithm": key.algorithm.version(),
                "public": key.public,
                "created_at": show(key.created_at),
                "retires_at": key.retires_at.map(show),
            })
        })
        .collect();
    json!({
        "id": found.id.as_str(),
        "state": terms.state.code(),
        "reason": reason(terms.state),
        "contract": terms.contract().as_str(),
        "require": terms.requested.list_text(),
        "version": terms.version.to_string(),
        "track": Track::of(&terms.version).to_string(),
        "group": terms.group.as_ref().map(ToString::to_string),
        "events": terms.events.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "tenant": terms.tenant,
        "sink": sink(&terms.sink),
        "rate_per_minute": terms.rate.map(|rate| rate.per_minute),
        "failing_since": standing.failing_since.map(show),
        "held_until": standing.held_until.map(show),
        "stopped": standing.stopped.map(stop),
        "keys": keys,
        "proposed_key": waiting(terms),
        "created_at": show(terms.created_at),
        "lease_until": show(terms.lease_until),
    })
}

/// The name of a key that waits for consent.
fn waiting(terms: &Terms) -> Option<&str> {
    let key = terms.proposed.as_ref()?.key.as_ref()?;
    Some(&key.id)
}

fn state(state: State) -> String {
    match reason(state) {
        Some(reason) => format!("{state} ({reason})"),
        None => state.to_string(),
    }
}

fn reason(state: State) -> Option<&'static str> {
    match state {
        State::Paused { reason } => Some(match reason {
            PauseReason::Subscriber => "subscriber",
            PauseReason::Operator => "operator",
            PauseReason::VersionRetired => "version-retired",
        }),
        State::Disabled { why } => Some(stop(why)),
        _ => None,
    }
}

fn stop(why: Stop) -> &'static str {
    match why {
        Stop::Failing => "failing",
        Stop::Gone => "gone",
    }
}

fn events(terms: &Terms) -> String {
    let events: Vec<&str> = terms.events.iter().map(Name::as_str).collect();
    events.join(", ")
}

/// Without its query, in which subscribers put tokens.
fn sink(url: &str) -> String {
    match url.split_once('?') {
        Some((before, _)) => format!("{before}?..."),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::sink;

    #[test]
    fn a_sink_is_shown_without_its_query() {
        assert_eq!(
            sink("https://a.example/hook?token=1?2"),
            "https://a.example/hook?..."
        );
        assert_eq!(sink("https://a.example/hook"), "https://a.example/hook");
    }
}
