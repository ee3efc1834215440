//! Deliveries.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use polywire::webhook::operate::Seen;
use polywire::webhook::record::{Attempt, Delivery, DeliveryState};
use serde_json::{Value, json};

use crate::format::{Format, print};
use crate::text::{facts, or_none, rows};
use crate::times::show;

/// Prints which there are.
///
/// # Errors
/// As [`print`].
pub(in crate::webhook) fn deliveries(found: &[Delivery], format: Format) -> Result<(), String> {
    let values: Vec<Value> = found.iter().map(as_json).collect();
    print(format, &values, || {
        let header = [
            "id",
            "subscription",
            "sequence",
            "state",
            "event",
            "version",
            "attempts",
            "at",
            "why",
        ];
        rows(header, found.iter().map(row))
    })
}

/// Prints one with its body and its attempts.
///
/// # Errors
/// As [`print`].
pub(in crate::webhook) fn delivery(seen: &Seen, format: Format) -> Result<(), String> {
    let delivery = &seen.delivery;
    let mut value = as_json(delivery);
    value["attempted"] = seen.attempts.iter().map(attempt).collect();
    // As CloudEvents writes a payload in JSON: itself where it is JSON, else its bytes.
    match delivery
        .body
        .as_deref()
        .map(|body| (body, serde_json::from_slice::<Value>(body)))
    {
        Some((_, Ok(body))) => value["body"] = body,
        Some((body, Err(_))) => value["body_base64"] = STANDARD.encode(body).into(),
        None => {}
    }
    print(format, &value, || {
        let mut text = facts(vec![
            ("id", delivery.id.to_string()),
            ("subscription", delivery.subscription.to_string()),
            ("sequence", delivery.sequence.to_string()),
            ("state", state(delivery.state).to_owned()),
            ("event", delivery.interaction.to_string()),
            ("version", delivery.version.to_string()),
            ("message", delivery.message_id.clone()),
            ("webhook-id", delivery.webhook_id.clone()),
            ("ordering key", or_none(delivery.key.as_ref())),
            ("created", show(delivery.created_at)),
            (
                "due",
                or_none((delivery.state == DeliveryState::Ready).then(|| show(delivery.due))),
            ),
            ("finished", or_none(delivery.finished_at.map(show))),
            ("why", or_none(delivery.reason.as_ref())),
            (
                "body",
                match &delivery.body {
                    Some(body) => String::from_utf8_lossy(body).into_owned(),
                    None => "swept".to_owned(),
                },
            ),
        ]);
        if !seen.attempts.is_empty() {
            text.push('\n');
            let attempts = seen.attempts.iter().map(|attempt| {
                let took = format!("{} ms", attempt.took.as_millis());
                [show(attempt.at), took, attempt.outcome.clone()]
            });
            text.push_str(&rows(["attempt", "took", "outcome"], attempts));
        }
        text
    })
}

fn row(delivery: &Delivery) -> [String; 9] {
    [
        delivery.id.to_string(),
        delivery.subscription.to_string(),
        delivery.sequence.to_string(),
        state(delivery.state).to_owned(),
        delivery.interaction.to_string(),
        delivery.version.to_string(),
        delivery.attempts.to_string(),
        show(delivery.created_at),
        or_none(delivery.reason.as_ref()),
    ]
}

fn as_json(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id.0,
        "subscription": delivery.subscription.as_str(),
        "sequence": delivery.sequence,
        "state": state(delivery.state),
        "event": delivery.interaction.as_str(),
        "version": delivery.version.to_string(),
        "message_id": delivery.message_id,
        "webhook_id": delivery.webhook_id,
        "ordering_key": delivery.key.as_deref(),
        "attempts": delivery.attempts,
        "created_at": show(delivery.created_at),
        "due": (delivery.state == DeliveryState::Ready).then(|| show(delivery.due)),
        "finished_at": delivery.finished_at.map(show),
        "reason": delivery.reason,
    })
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "at": show(attempt.at),
        "took_ms": u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
        "outcome": attempt.outcome,
    })
}

fn state(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting => "waiting",
        DeliveryState::Ready => "ready",
        DeliveryState::Leased => "leased",
        DeliveryState::Done => "done",
        DeliveryState::Dead => "dead",
        DeliveryState::Parked => "parked",
    }
}
