//! The memory transport: provider and consumer in one process, with every interaction.
//!
//! Ends meet by the name of their hub. It is the reference of the conformance suite, and the transport for tests,
//! examples and services that are deployed as one process for now.

mod channel;
mod config;
mod hub;

pub use channel::MemoryChannel;
pub use config::{MemoryConfig, MemoryFactory};
pub use hub::Hub;
