//! Builds a provider as a runtime plugin: the same crate that runs as a service becomes a shared library.
//!
//! [`export_plugin!`] exports the descriptor of [`polywire_plugin_abi`] and the functions in it. They contain panics, drive
//! the asynchronous handlers on a runtime that belongs to the instance, and stop what is running before the library is
//! closed. On Linux with glibc the macro also puts a [`shim`] between the library and the C library, which keeps account
//! of threads, thread-locals and keys, so that a library that has been closed is really gone.
//!
//! What tokio keeps in statics is not: where it is built with its feature `signal`, every library that was closed leaves two
//! sockets and about 30 kB behind. A plugin that is upgraded often is built without that feature: of `polywire`, with
//! `default-features = false, features = ["plugin-export"]`.

// One side of a C interface: each block says why it is sound.
#![allow(unsafe_code)]

mod channel;
mod collected;
mod contain;
mod described;
mod entry;
mod export;
mod hook;
mod host;
mod instance;
#[doc(hidden)]
pub mod linked;
mod macros;
mod outbound;
#[doc(hidden)]
pub mod shim;

pub use export::{Export, Setup};
pub use host::{Host, Level};

#[doc(hidden)]
pub mod __private {
    //! What the macro needs.

    pub use crate::entry::{Exported, descriptor};
    pub use polywire_contract::Contract;
    pub use polywire_core::{ContractClient, Result, Session};
    pub use polywire_plugin_abi::raw;
}
