//! What became of what was asked for.

use std::io::{self, Write};

use polywire::webhook::operate::{Rotated, Tested};
use serde::Serialize;
use serde_json::json;

use crate::format::{Format, print, printed};
use crate::text::{facts, or_none};
use crate::times::show;
use crate::webhook::open::Id;

/// What became of deliveries that were to be made again.
#[derive(Debug, Default, Serialize)]
pub(in crate::webhook) struct Outcome {
    /// How many are, or would be, delivered again.
    pub(in crate::webhook) replayed: usize,
    pub(in crate::webhook) dry_run: bool,
    /// Subscriptions to which nothing is delivered any more.
    pub(in crate::webhook) skipped: Vec<String>,
    pub(in crate::webhook) failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
pub(in crate::webhook) struct Failed {
    pub(in crate::webhook) id: i64,
    pub(in crate::webhook) error: String,
}

/// Prints it.
///
/// # Errors
/// As [`print`].
pub(in crate::webhook) fn outcome(outcome: &Outcome, format: Format) -> Result<(), String> {
    if format == Format::Text {
        for Failed { error, .. } in &outcome.failed {
            printed(writeln!(io::stderr(), "{error}"))?;
        }
        for id in &outcome.skipped {
            printed(writeln!(
                io::stderr(),
                "{id}: skipped, as nothing is delivered to it any more"
            ))?;
        }
    }
    print(format, outcome, || {
        let verb = if outcome.dry_run {
            "would replay"
        } else {
            "replayed"
        };
        format!("{verb} {}\n", outcome.replayed)
    })
}

/// Prints that a subscription has ended.
///
/// # Errors
/// As [`print`].
pub(in crate::webhook) fn ended(id: &Id, format: Format) -> Result<(), String> {
    print(format, &json!({"ended": id.as_str()}), || {
        format!("ended {id}\n")
    })
}

/// Prints a new key.
///
/// # Errors
/// As [`print`].
pub(in crate::webhook) fn rotated(rotated: &Rotated, format: Format) -> Result<(), String> {
    let secret = rotated.secret.as_deref();
    let value = json!({
        "subscription": rotated.subscription.as_str(),
        "kid": rotated.kid,
        "algorithm": rotated.algorithm,
        "secret": secret,
        "public": rotated.public,
        "signs": rotated.signs,
        "overlap_until": rotated.overlap_until.map(show),
        "reason": rotated.reason,
    });
    print(format, &value, || {
        let signs = match (&rotated.signs, &rotated.reason) {
            (true, _) => "yes".to_owned(),
            (false, Some(reason)) => format!("not before the sink consents: {reason}"),
            (false, None) => "not before the sink consents".to_owned(),
        };
        let (name, text) = match secret {
            Some(secret) => ("secret", secret.as_str().to_owned()),
            None => ("public", or_none(rotated.public.as_ref())),
        };
        facts(vec![
            ("subscription", rotated.subscription.to_string()),
            ("key", format!("{} ({})", rotated.kid, rotated.algorithm)),
            (name, text),
            ("signs", signs),
            (
                "the one before",
                or_none(
                    rotated
                        .overlap_until
                        .map(|at| format!("signs until {}", show(at))),
                ),
            ),
        ])
    })
}

/// Prints what came of a test.
///
/// # Errors
/// As [`print`].
pub(in crate::webhook) fn tested(tested: &Tested, format: Format) -> Result<(), String> {
    let took = u64::try_from(tested.took.as_millis()).unwrap_or(u64::MAX);
    let outcome = tested.answer.to_string();
    let value = json!({
        "webhook_id": tested.webhook_id,
        "version": tested.version.to_string(),
        "at": show(tested.at),
        "took_ms": took,
        "status": tested.answer.code(),
        "outcome": outcome,
        "accepted": tested.accepted,
    });
    print(format, &value, || {
        let verdict = if tested.accepted {
            "accepted"
        } else {
            "not accepted"
        };
        format!(
            "{verdict}: {outcome} after {took} ms, as {}\n",
            tested.webhook_id
        )
    })
}
