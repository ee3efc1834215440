//! Shared libraries: loaded, checked, called, swapped, and closed when nothing of them is left.
//!
//! A [`Loader`] makes a [`Generation`] of a library file: the library and everything that points into it, together. A
//! [`Slot`] holds the one that calls go to. Swapping it leaves the calls under way where they are; when the last of them
//! is done, a thread of the loader quiesces the old generation, ends its instance, closes its library, and looks in the
//! process's map whether that is gone. Where a library cannot be closed safely it stays, and the reason is told.
//!
//! A native plugin can be refused entry, never be forced to stop. It runs with every right of this process: load only
//! what somebody trusted has signed.

// One side of a C interface: each block says why it is sound.
#![allow(unsafe_code)]

mod call;
mod contain;
mod context;
mod ended;
mod error;
mod generation;
mod library;
mod loader;
mod maps;
mod outbound;
mod output;
mod parts;
mod presence;
mod reaper;
mod registry;
mod services;
mod slot;

pub use call::{Cancel, Request};
pub use ended::{Ended, Fate, Reason};
pub use error::LoadError;
pub use generation::Generation;
pub use loader::{Limits, Loader};
pub use outbound::Outside;
pub use polywire_plugin_abi::read::{Contract, Descriptor};
pub use services::{Event, Invocation, Level, Services};
pub use slot::Slot;
