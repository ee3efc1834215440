//! The plugin transport of Polywire: providers in the consumer's own process, from a signed repository.
//!
//! - [`mod@format`]: what stands in a repository.
//! - [`trust`]: who may write it.
//! - [`publish`]: writing it.
//! - [`fetch`]: reading it, and what is believed of it.
//! - [`watch`]: noticing that it may have changed.
//! - [`window`]: for how long what runs may go on without proof that it is still deployed.
//! - [`native`]: loading, calling, swapping and closing shared libraries.
//! - [`host`]: one plugin in this process: who serves each major, and what keeps that as the repository names it.
//!
//! [`PluginChannel`] is what consumers have, and [`PluginFactory`] makes it from `[transport.plugin]`.

mod channel;
mod config;
mod copy;
mod disk;
pub mod fetch;
pub mod format;
pub mod host;
mod layout;
pub mod native;
pub mod publish;
mod refusal;
mod root;
mod transport;
pub mod trust;
mod verified;
pub mod watch;
pub mod window;

pub use channel::{Hosts, PluginChannel};
pub use config::{PluginConfig, Repository};
pub use disk::{DiskError, Observer, Step};
pub use refusal::Refusal;
pub use transport::{PluginFactory, PluginTransport};
