//! The webhook transport of Polywire: asynchronous delivery between parties who do not trust each other.
//!
//! - [`signature`]: Standard Webhooks signatures, at both ends.
//! - [`guard`]: which addresses deliveries may go to.

pub mod guard;
pub mod signature;
