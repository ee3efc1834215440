//! What a store fails with, in the words of the core.

use std::fmt;

use polywire_core::{Error, ErrorKind};

/// What is kept cannot be read.
pub(super) fn unreadable(what: &str, why: impl fmt::Display) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("{what} in the webhook store cannot be read: {why}"),
    )
}

/// The store was closed.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the webhook store is closed")
}

/// The store was made by a later version of this library.
pub(super) fn too_new(found: i64, known: usize) -> Error {
    Error::new(
        ErrorKind::Config,
        format!(
            "the webhook store has schema {found}: this version knows up to {known}; use the version that made it, or a later one"
        ),
    )
}

/// The store answered less than it was asked.
pub(super) fn unanswered() -> Error {
    Error::new(
        ErrorKind::Internal,
        "the webhook store gave no answer for a delivery",
    )
}
