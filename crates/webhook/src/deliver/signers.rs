//! Whose keys sign.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use polywire_core::Result;

use crate::record::Subscription;
use crate::signature::Signer;

/// Makes signers of the sealed keys of subscriptions.
pub trait Signers: Send + Sync + fmt::Debug + 'static {
    /// The signer of a subscription's deliveries now, with every key that [signs](crate::record::KeyRecord::signs).
    ///
    /// # Behavior
    /// Called once for each revision of a subscription, and again when one of its keys retires. It does not block: it is
    /// asked by the task that all deliveries pass through.
    ///
    /// # Errors
    /// `Unavailable` when it may work later: the deliveries wait, and no attempt is counted. Every other kind means that
    /// they can never be signed: they become dead letters.
    fn signer(&self, subscription: &Subscription, now: Timestamp) -> Result<Arc<Signer>>;
}
