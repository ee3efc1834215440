//! Messages set aside: dead letters and parked ones, for an operator to list, replay or drop.

use std::fmt;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Result;
use crate::message::{Head, MessageId};

/// Why messages are set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// Poison: rejected, or failed on its last attempt.
    Dead,
    /// At a version that its group does not accept.
    Parked,
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dead => "dead",
            Self::Parked => "parked",
        })
    }
}

/// A message set aside.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The message's head, with the attempts made.
    pub head: Head,
    /// Its payload.
    pub body: Bytes,
    /// The group whose message it is; for a command, the provider's own.
    pub group: String,
    /// Why it was set aside.
    pub reason: String,
    /// When it was set aside.
    pub at: SystemTime,
}

/// The shelves of one channel.
#[async_trait]
pub trait Letters: Send + Sync {
    /// What stands on a shelf, oldest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` when the keeper cannot be asked.
    async fn list(&self, shelf: Shelf, limit: usize) -> Result<Vec<Letter>>;

    /// Puts a message back in its group's queue with a fresh count of attempts; `false` when it is not there.
    ///
    /// # Errors
    /// `Overloaded` when the queue is full: the letter stays; `Unavailable` as [`list`](Self::list).
    async fn replay(&self, shelf: Shelf, group: &str, id: &MessageId) -> Result<bool>;

    /// Removes a message for good; `false` when it is not there.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    async fn discard(&self, shelf: Shelf, group: &str, id: &MessageId) -> Result<bool>;
}
