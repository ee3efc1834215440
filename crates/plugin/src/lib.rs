//! The plugin transport of Polywire: providers in the consumer's own process, from a signed repository.
//!
//! - [`format`]: what stands in a repository.
//! - [`trust`]: who may write it.

mod disk;
pub mod format;
mod refusal;
pub mod trust;

pub use disk::{DiskError, Observer, Step};
pub use refusal::Refusal;
