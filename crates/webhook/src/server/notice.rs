//! What operators are told of subscriptions.

use std::fmt;

use jiff::Timestamp;
use polywire_core::contract::Name;

use crate::record::{Subscription, SubscriptionId};

/// Takes notices: logs them, counts them, acts on them.
pub trait Notices: Send + Sync + fmt::Debug + 'static {
    /// Takes one, and never blocks.
    fn notice(&self, notice: Notice);
}

/// Something of a subscription that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub code: NoticeCode,
    /// Of which subscription.
    pub subscription: SubscriptionId,
    /// Its tenant.
    pub tenant: String,
    /// Its contract.
    pub contract: Name,
    /// More of it, such as `2.4.0 to 3.1.0`; never an address.
    pub detail: String,
    /// When.
    pub at: Timestamp,
}

/// What an operator is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoticeCode {
    /// Its sink has consented: it delivers.
    Activated,
    /// Its sink has not consented in time: it is removed.
    Unverified,
    /// It delivers again, and its endpoint starts anew: whoever delivers is to forget its failures.
    Resumed,
    /// Its lease has ended.
    Expired,
    /// Its version is retired: it waits for an upgrade.
    Paused,
    /// It went to another major.
    Upgraded,
    /// Its shadow ended without a commit.
    ShadowEnded,
}

impl NoticeCode {
    /// The code in logs, metrics and events.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Activated => "subscription.activated",
            Self::Unverified => "subscription.unverified",
            Self::Resumed => "subscription.resumed",
            Self::Expired => "subscription.expired",
            Self::Paused => "subscription.version-retired",
            Self::Upgraded => "subscription.upgraded",
            Self::ShadowEnded => "subscription.shadow-ended",
        }
    }
}

impl fmt::Display for NoticeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl Notice {
    pub(super) fn of(
        subscription: &Subscription,
        code: NoticeCode,
        detail: impl Into<String>,
        at: Timestamp,
    ) -> Self {
        Self {
            code,
            subscription: subscription.id.clone(),
            tenant: subscription.terms.tenant.clone(),
            contract: subscription.terms.contract().clone(),
            detail: detail.into(),
            at,
        }
    }
}

/// Tells the log alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoNotices;

impl Notices for NoNotices {
    fn notice(&self, notice: Notice) {
        tracing::info!(
            code = %notice.code,
            subscription = %notice.subscription,
            contract = %notice.contract,
            detail = notice.detail,
            "webhook subscription"
        );
    }
}
