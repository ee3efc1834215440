//! The plugin transport of Polywire: providers in the consumer's own process, from a signed repository.
//!
//! - [`native`]: loading, calling, swapping and closing shared libraries.

pub mod native;
