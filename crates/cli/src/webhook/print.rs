//! Subscriptions, deliveries and what became of them, for people and for programs. Of keys no secret but a new one.

mod deliveries;
mod outcome;
mod subscriptions;

use std::fmt::Display;
use std::io::{self, Write};

pub(super) use deliveries::{deliveries, delivery};
pub(super) use outcome::{Failed, Outcome, ended, outcome, rotated, tested};
use serde::Serialize;
pub(super) use subscriptions::{subscription, subscriptions};

use crate::format::{self, Format, printed};
use crate::text;

/// One value for programs, or a text for people.
///
/// # Errors
/// When it cannot be printed, other than to somebody who has read enough.
fn print(
    format: Format,
    value: &impl Serialize,
    text: impl FnOnce() -> String,
) -> Result<(), String> {
    printed(match format {
        Format::Json => format::json(value),
        Format::Text => io::stdout()
            .lock()
            .write_all(text::trimmed(&text()).as_bytes()),
    })
}

/// Rows under a header.
fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = text::table(header.map(str::to_owned));
    for row in rows {
        table.add_row(row);
    }
    format!("{table}\n")
}

/// A line for each fact.
fn facts(facts: Vec<(&str, String)>) -> String {
    let rows = facts.into_iter();
    let mut table = text::table(Vec::new());
    for (name, value) in rows {
        table.add_row([name.to_owned(), value]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    format!("{table}\n")
}

fn or_none(value: Option<impl Display>) -> String {
    value.map_or_else(|| text::NONE.to_owned(), |value| value.to_string())
}
