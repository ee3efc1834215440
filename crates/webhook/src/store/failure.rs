//! What a store fails with, in the words of the core.

use std::{fmt, io};

use polywire_core::{Error, ErrorKind};

/// What is kept cannot be read.
pub(super) fn unreadable(what: &str, why: impl fmt::Display) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("{what} in the webhook store cannot be read: {why}"),
    )
}

/// The store has a thread of its own, and there is none to be had.
pub(super) fn no_thread(error: io::Error) -> Error {
    let text = format!("no thread for the webhook store: {error}");
    Error::new(ErrorKind::Unavailable, text).caused_by(error)
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

/// The store was made by an earlier version of this library, and is only to be used as it is.
pub(super) fn too_old(found: i64, known: usize) -> Error {
    Error::new(
        ErrorKind::Config,
        format!(
            "the webhook store has schema {found}, and this version works with {known}: use the version that made it, or start the provider with this one first"
        ),
    )
}

/// There is no store.
pub(super) fn absent() -> Error {
    Error::new(
        ErrorKind::Config,
        "there is no webhook store in this database: no provider has run with it",
    )
}

/// The store answered less than it was asked.
pub(super) fn unanswered() -> Error {
    Error::new(
        ErrorKind::Internal,
        "the webhook store gave no answer for a delivery",
    )
}
