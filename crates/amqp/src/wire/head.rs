//! A message's head as properties and headers.

mod read;
mod requirements;
mod write;

pub(super) use read::token;
pub(crate) use read::{Expected, read_head};
pub(crate) use requirements::Requirements;
pub(crate) use write::{event_headers, request_headers, write_event, write_request};

/// The first characters of a text that a peer wrote.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
