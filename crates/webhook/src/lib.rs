//! The webhook transport of Polywire: asynchronous delivery between parties who do not trust each other.
//!
//! - [`signature`]: Standard Webhooks signatures, at both ends.
//! - [`guard`]: which addresses deliveries may go to.
//! - [`schedule`]: when to try again, and how much an endpoint is given.
//! - [`record`]: subscriptions and deliveries.
//! - [`store`]: where they are kept, durably.

mod clock;
pub mod guard;
pub mod record;
pub mod schedule;
pub mod signature;
pub mod store;

pub use clock::{Clock, ManualClock, SystemClock};
