//! Between a plugin and the C library: what glibc would keep of a library that was closed is kept here instead.
//!
//! Left alone, a Rust library that was used cannot be closed safely. A thread-local with a destructor pins it; a thread
//! that ends later runs a key's destructor in memory that is gone; every generation takes one of 1,024 keys. So glibc is
//! told of none of the destructors: they are run from here, when a thread of the library ends, when the host says that
//! one of its own ends ([`polywire_plugin_abi::raw::Threads`]), and for all others when the library is finished with.
//!
//! It passes everything on unchanged until the host has called the library for the first time, so that a program which
//! links the same crate as a service is not affected.

#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod glibc;
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub use glibc::*;

#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
mod absent;
#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub use absent::*;
