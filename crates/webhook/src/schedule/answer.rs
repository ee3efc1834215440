//! What came of an attempt, and what it means.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::guard::{ConnectError, GuardError};

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The endpoint answered with a status, and perhaps how long to wait.
    Status {
        /// The status code (RFC 9110 section 15).
        code: u16,
        /// What [`retry_after`](super::retry_after) read of its headers.
        retry_after: Option<Duration>,
    },
    /// It did not.
    Failed(Failure),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Failure {
    /// The time for connecting, encrypting, the head and the body of the answer together was over.
    Timeout,
    /// The sink led to no address that is allowed, or to none at all; which of both is not told apart.
    Refused,
    /// No connection was taken.
    Connect,
    /// The connection could not be encrypted, or its certificate is not good.
    Tls,
    /// The connection broke, or what came is no answer of HTTP.
    Broken,
    /// The request cannot be made: its URL is not one that deliveries go to, or its key is gone.
    Unsendable,
}

/// What an answer means for a delivery and its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// It was taken.
    Accepted,
    /// It failed and may work later.
    Retry,
    /// The endpoint wants less: as [`Retry`](Self::Retry), and nothing else is sent there for a while.
    Throttle,
    /// The endpoint is gone for good.
    Gone,
    /// It understands neither the version nor the format: nothing more is sent until that has changed.
    VersionMismatch,
    /// The same bytes can never work.
    Permanent,
}

impl Answer {
    /// What it means.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        match *self {
            Self::Status { code, retry_after } => match code {
                200..=299 => Meaning::Accepted,
                410 => Meaning::Gone,
                415 => Meaning::VersionMismatch,
                // What the receiver's server cannot do at all, for any request like this.
                501 | 505 => Meaning::Permanent,
                429 | 503 => Meaning::Throttle,
                _ if retry_after.is_some() => Meaning::Throttle,
                _ => Meaning::Retry,
            },
            Self::Failed(Failure::Unsendable) => Meaning::Permanent,
            Self::Failed(_) => Meaning::Retry,
        }
    }

    /// How long the endpoint asked to wait.
    #[must_use]
    pub fn asked(&self) -> Option<Duration> {
        match *self {
            Self::Status { retry_after, .. } => retry_after,
            Self::Failed(_) => None,
        }
    }

    /// The status code, if there was one.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match *self {
            Self::Status { code, .. } => Some(code),
            Self::Failed(_) => None,
        }
    }
}

/// In short, for records and operators: `status 503`, `timeout`.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { code, .. } => write!(f, "status {code}"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl Failure {
    /// The kebab-case code that stands in records, logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Broken => "broken",
            Self::Unsendable => "unsendable",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl From<&ConnectError> for Failure {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Guard(refused) => refused.into(),
            ConnectError::Timeout => Self::Timeout,
            ConnectError::Broken(_) => Self::Connect,
        }
    }
}

impl From<&GuardError> for Failure {
    fn from(error: &GuardError) -> Self {
        if error.is_lasting() {
            Self::Unsendable
        } else {
            Self::Refused
        }
    }
}
