//! The plugin transport of Polywire: providers in the consumer's own process, from a signed repository.
//!
//! - [`mod@format`]: what stands in a repository.
//! - [`trust`]: who may write it.
//! - [`publish`]: writing it.
//! - [`fetch`]: reading it, and what is believed of it.
//! - [`watch`]: noticing that it may have changed.
//! - [`window`]: for how long what runs may go on without proof that it is still deployed.
//! - [`native`]: loading, calling, swapping and closing shared libraries.

mod copy;
mod disk;
pub mod fetch;
pub mod format;
mod layout;
pub mod native;
pub mod publish;
mod refusal;
mod root;
pub mod trust;
mod verified;
pub mod watch;
pub mod window;

pub use disk::{DiskError, Observer, Step};
pub use refusal::Refusal;
