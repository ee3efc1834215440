//! The cases, by topic.

mod calls;
mod commands;
mod context;
mod delivery;
mod errors;
mod events;
mod lifecycle;
mod load;
mod negotiation;

use polywire_core::{CallError, Session};

use crate::case::Case;
use crate::sample::interaction::ECHO;
use crate::sample::{Echo, Echoed, SampleError};

/// Every case of the suite.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let topics = [
        calls::CASES,
        errors::CASES,
        negotiation::CASES,
        negotiation::refusals::CASES,
        commands::CASES,
        events::CASES,
        events::versions::CASES,
        delivery::CASES,
        delivery::groups::CASES,
        lifecycle::CASES,
        lifecycle::restart::CASES,
        context::CASES,
        load::CASES,
    ];
    topics.into_iter().flatten()
}

/// Texts of several scripts, of several planes, and with every character that JSON escapes.
const UNICODE: &str = "Grüße, Ωμέγα, 日本語, עברית, 👩‍👩‍👧‍👦, \u{0}\u{1f}\u{7f}\u{85}\u{2028}\u{feff}\u{10ffff} \"\\/\r\n\t";

/// A text of a mebibyte.
fn mebibyte() -> String {
    "0123456789abcdef".repeat(64 * 1024)
}

/// Calls `echo` of a 1.x.
async fn echo(
    session: &Session,
    text: &str,
    number: u64,
) -> Result<Echoed, CallError<SampleError>> {
    let request = Echo {
        text: text.to_owned(),
        number,
    };
    session.request(ECHO, &request).await
}
