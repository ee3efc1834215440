//! What every store does.

pub(crate) mod acknowledging;
pub(crate) mod counting;
pub(crate) mod enqueueing;
pub(crate) mod keeping;
pub(crate) mod leasing;
pub(crate) mod model;
pub(crate) mod once;
pub(crate) mod settling;
pub(crate) mod sharing;
pub(crate) mod subscriptions;
