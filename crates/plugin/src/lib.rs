//! The plugin transport of Polywire: providers in the consumer's own process, from a signed repository.
//!
//! - [`format`]: what stands in a repository.

pub mod format;
