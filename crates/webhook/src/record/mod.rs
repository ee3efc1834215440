//! What is kept: subscriptions and deliveries, as every store keeps them and every part here sees them.

mod delivery;
mod id;
mod key;
mod state;
mod subscription;
#[cfg(test)]
mod tests;

pub use delivery::{
    Attempt, Body, Claim, Delivery, DeliveryId, DeliveryState, Fate, Leased, NewDelivery,
    Settlement,
};
pub use id::{IdError, SubscriptionId};
pub use key::{KeyRecord, Sealed};
pub use state::{PauseReason, State};
pub use subscription::{
    Float, KeepOrder, OnSunset, Phase, Proposed, RecordError, Subscription, Terms, Upgrade,
};
