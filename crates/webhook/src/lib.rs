//! The webhook transport of Polywire: asynchronous delivery between parties who do not trust each other.
//!
//! - [`signature`]: Standard Webhooks signatures, at both ends.

pub mod signature;
