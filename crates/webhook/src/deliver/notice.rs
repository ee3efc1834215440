//! What operators are told of.

use std::fmt;

use jiff::Timestamp;
use polywire_core::contract::Name;

use crate::record::{DeliveryId, SubscriptionId};

/// Takes notices: logs them, counts them, delivers them.
pub trait Notices: Send + Sync + fmt::Debug + 'static {
    /// Takes one, and never blocks: the task that all deliveries pass through calls it.
    fn notice(&self, notice: Notice);
}

/// Something that an operator, and perhaps the subscriber, should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub code: NoticeCode,
    /// Whose.
    pub subscription: SubscriptionId,
    /// Its tenant.
    pub tenant: String,
    /// Its contract.
    pub contract: Name,
    /// The delivery, where it is about one.
    pub delivery: Option<DeliveryId>,
    /// The id of its message.
    pub message_id: Option<String>,
    /// Why, such as `status 410`; never an address.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// What an operator is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoticeCode {
    /// An endpoint failed so often that it is left alone for a while.
    Failing,
    /// It works again.
    Recovered,
    /// It failed for too long: nothing is sent until somebody resumes it.
    Disabled,
    /// It said that it is gone: nothing is sent any more.
    Gone,
    /// A delivery was given up.
    Exhausted,
    /// A delivery's version was not understood, and it was set aside.
    VersionMismatch,
}

impl NoticeCode {
    /// The code in logs, metrics and events.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Failing => "endpoint.failing",
            Self::Recovered => "endpoint.recovered",
            Self::Disabled => "endpoint.disabled",
            Self::Gone => "endpoint.gone",
            Self::Exhausted => "attempt.exhausted",
            Self::VersionMismatch => "subscription.version-mismatch",
        }
    }
}

impl fmt::Display for NoticeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}
