//! Letters, and what became of them, for people and for programs.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use polywire::{Letter, Requirement, Shelf};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::act::Verb;
use crate::format::{self, Format, printed};
use crate::text;

/// What became of the letters that were acted on.
#[derive(Debug, Default, Serialize)]
pub(super) struct Outcome {
    pub(super) done: Vec<String>,
    /// Not on the shelf.
    pub(super) missing: Vec<String>,
    pub(super) failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
pub(super) struct Failed {
    pub(super) id: String,
    pub(super) error: String,
}

impl Outcome {
    pub(super) const fn is_good(&self) -> bool {
        self.missing.is_empty() && self.failed.is_empty()
    }
}

/// Prints what stands on a shelf.
///
/// # Errors
/// When it cannot be printed, other than to somebody who has read enough.
pub(super) fn letters(letters: &[Letter], format: Format) -> Result<(), String> {
    printed(match format {
        Format::Json => format::json(&letters.iter().map(as_json).collect::<Vec<_>>()),
        Format::Text => {
            let mut table = text::table(
                ["id", "group", "message", "version", "attempts", "at", "why"].map(str::to_owned),
            );
            for letter in letters {
                table.add_row(row(letter));
            }
            io::stdout()
                .lock()
                .write_all(text::trimmed(&format!("{table}\n")).as_bytes())
        }
    })
}

fn row(letter: &Letter) -> [String; 7] {
    let head = &letter.head;
    [
        head.id.to_string(),
        letter.group.clone(),
        format!("{}.{}", head.contract, head.interaction),
        version(letter).unwrap_or_else(|| text::NONE.to_owned()),
        head.attempt.to_string(),
        at(letter).unwrap_or_else(|| text::NONE.to_owned()),
        letter.reason.clone(),
    ]
}

/// What it was published at, or what it requires.
fn version(letter: &Letter) -> Option<String> {
    let stamp = letter.head.stamp.as_ref();
    let requirement = letter.head.requirement.as_ref();
    stamp
        .map(|stamp| stamp.version.to_string())
        .or_else(|| requirement.map(|requirement| requirement.list_text().to_owned()))
}

/// When it was set aside, in UTC to the second; `None` when the broker did that, which does not say.
fn at(letter: &Letter) -> Option<String> {
    let at = Timestamp::try_from(letter.at).ok()?;
    let at = Timestamp::from_second(at.as_second()).ok()?;
    (at != Timestamp::UNIX_EPOCH).then(|| at.to_string())
}

fn as_json(letter: &Letter) -> Value {
    let head = &letter.head;
    let metadata: Map<String, Value> = head
        .metadata
        .iter()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    let mut value = json!({
        "id": head.id.to_string(),
        "group": letter.group,
        "contract": head.contract.as_str(),
        "interaction": head.interaction.as_str(),
        "kind": head.kind.to_string(),
        "version": head.stamp.as_ref().map(|stamp| stamp.version.to_string()),
        "require": head.requirement.as_ref().map(Requirement::list_text),
        "attempts": head.attempt,
        "at": at(letter),
        "reason": letter.reason,
        "content_type": head.content_type.as_str(),
        "metadata": metadata,
    });
    // As CloudEvents writes a payload in JSON: itself where it is JSON, else its bytes.
    let (member, body) = match serde_json::from_slice::<Value>(&letter.body) {
        Ok(body) => ("data", body),
        Err(_) => ("data_base64", STANDARD.encode(&letter.body).into()),
    };
    if let Value::Object(members) = &mut value {
        members.insert(member.to_owned(), body);
    }
    value
}

/// Prints what became of the letters.
///
/// # Errors
/// As [`letters`].
pub(super) fn outcome(
    outcome: &Outcome,
    verb: Verb,
    shelf: Shelf,
    format: Format,
) -> Result<(), String> {
    if format == Format::Json {
        return printed(format::json(outcome));
    }
    let verb = match verb {
        Verb::Replay => "replayed",
        Verb::Drop => "dropped",
    };
    for id in &outcome.missing {
        printed(writeln!(io::stderr(), "{id}: not on the {shelf} shelf"))?;
    }
    for Failed { id, error } in &outcome.failed {
        printed(writeln!(io::stderr(), "{id}: {error}"))?;
    }
    printed(writeln!(io::stdout(), "{verb} {}", outcome.done.len()))
}
