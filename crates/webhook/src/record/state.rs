//! The life of a subscription.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::schedule::Stop;

/// Where a subscription is in its life.
///
/// ```text
/// pending -> active <-> paused, version-mismatch, disabled
///    any of these -> expired, ended
/// ```
///
/// Events are delivered in `active` alone. They are kept in every state between the first consent and the end, so that
/// nothing is lost while an endpoint or its version is being put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum State {
    /// The sink has not consented yet.
    Pending,
    /// Events are delivered.
    Active,
    /// Somebody stopped it for a while.
    Paused {
        /// Who, or what.
        reason: PauseReason,
    },
    /// The sink answered `415`: it does not take the agreed version.
    VersionMismatch,
    /// The endpoint failed for too long, or is gone.
    Disabled {
        /// Which of both.
        why: Stop,
    },
    /// Its lease ended without being renewed.
    Expired,
    /// Somebody ended it.
    Ended,
}

/// Why a subscription is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseReason {
    /// The subscriber asked for it.
    Subscriber,
    /// An operator of the provider did it.
    Operator,
    /// Its major is no longer served; events wait for an upgrade.
    VersionRetired,
}

impl State {
    /// Whether deliveries are made.
    #[must_use]
    pub fn delivers(self) -> bool {
        self == Self::Active
    }

    /// Whether new events are kept for it.
    #[must_use]
    pub fn keeps(self) -> bool {
        match self {
            Self::Active | Self::Paused { .. } | Self::VersionMismatch => true,
            // What is gone does not come back for them; what only fails may fetch them.
            Self::Disabled { why } => why == Stop::Failing,
            Self::Pending | Self::Expired | Self::Ended => false,
        }
    }

    /// Whether this is the end.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Expired | Self::Ended)
    }

    /// Whether `next` may follow. A state may always follow itself.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        if self == next {
            return true;
        }
        match (self, next) {
            (from, _) if from.is_over() => false,
            (_, to) if to.is_over() => true,
            (_, Self::Pending) | (Self::Pending, _) => {
                self == Self::Pending && next == Self::Active
            }
            _ => true,
        }
    }

    /// The kebab-case name in records, answers and logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Paused { .. } => "paused",
            Self::VersionMismatch => "version-mismatch",
            Self::Disabled { .. } => "disabled",
            Self::Expired => "expired",
            Self::Ended => "ended",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}
