//! The C interface between Polywire and its runtime plugins: `include/polywire_plugin.h` is generated from it.
//!
//! A plugin is a shared library with one exported data symbol, [`SYMBOL`], that describes it: [`raw::Plugin`]. The major
//! version of this interface is in the symbol's name; its minor version shows in the `size` that each structure begins
//! with: fields are only appended, and what is beyond the fields that a reader knows is not looked at.
//!
//! Nothing is freed across the boundary: whoever writes an answer writes it into a [`raw::Sink`] of the other side, and
//! a [`raw::Slice`] is borrowed until the function that it was given to returns. No function may unwind.
//!
//! [`read`] turns what came from the other side into checked Rust values, or into an error that names the field.

// The boundary itself: each block says why it is sound.
#![allow(unsafe_code)]

mod code;
mod headers;
pub mod raw;
pub mod read;
mod version;

pub use code::{Code, Flags};
pub use headers::{HeaderError, Headers, MAX_HEADER_BYTES, MAX_HEADERS, write_header};
pub use version::{AbiVersion, ContractVersion, ManifestFormat, ReleaseVersion, VersionError};

/// The symbol that a host looks up, as `dlsym` takes it.
pub const SYMBOL: &std::ffi::CStr = c"polywire_plugin_v1";
/// The version of the interface that this crate describes.
pub const ABI: AbiVersion = AbiVersion::new(raw::ABI_MAJOR, raw::ABI_MINOR);
/// The id of [`raw::Threads`] among the host's extensions.
pub const THREADS: &str = "polywire.threads/1";
/// The id of [`raw::Events`] among the host's extensions.
pub const EVENTS: &str = "polywire.events/1";
/// The id of [`raw::Channels`] among the host's extensions.
pub const CHANNELS: &str = "polywire.channels/1";
/// The id of [`raw::Subscriptions`] among the host's extensions.
pub const SUBSCRIPTIONS: &str = "polywire.subscriptions/1";
