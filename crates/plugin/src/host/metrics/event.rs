//! What happens in the life of a plugin.

use super::names::{CONTACTS, EXPIRATIONS, REFUSED, REVOKED, ROLLBACKS, SWAPS};

/// What happens in the life of a plugin. Its texts are of this crate, and few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A release has begun to serve a major.
    Swapped,
    /// A release was left for the one before.
    RolledBack(&'static str),
    /// A release is not served, by the code of the acknowledgement.
    Refused(&'static str),
    /// A release was stopped.
    Revoked,
    /// A contact was made, or failed by this code.
    Contact(&'static str),
    /// The window of a release that serves has passed.
    Expired,
}

impl Event {
    /// Why a release is left: it panicked.
    pub(crate) const PANICS: &'static str = "panics";
    /// Why a release is left: it failed by other faults of its own.
    pub(crate) const FAULTS: &'static str = "faults";
    /// The outcome of a contact that was made.
    pub(crate) const REACHED: &'static str = "reached";

    /// Those that are told before they have happened, so that it shows when they do.
    pub(crate) const EXPECTED: [Self; 6] = [
        Self::Swapped,
        Self::RolledBack(Self::PANICS),
        Self::RolledBack(Self::FAULTS),
        Self::Revoked,
        Self::Contact(Self::REACHED),
        Self::Expired,
    ];

    /// Tells the recorder how often it has happened.
    pub(crate) fn record(self, contract: &str, times: u64) {
        match self {
            Self::Swapped => SWAPS.add([contract], times),
            Self::RolledBack(reason) => ROLLBACKS.add([contract, reason], times),
            Self::Refused(code) => REFUSED.add([contract, code], times),
            Self::Revoked => REVOKED.add([contract], times),
            Self::Contact(outcome) => CONTACTS.add([contract, outcome], times),
            Self::Expired => EXPIRATIONS.add([contract], times),
        }
    }
}
