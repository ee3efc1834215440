//! Whatever the other side writes is read within its bounds or refused. All of it is in memory of exactly the size that it
//! says, so that `cargo xtask sanitize` sees each byte that is read beyond.

#![allow(clippy::unwrap_used, unsafe_code)]

mod calls;
mod descriptors;
mod exact;
mod hosts;
#[path = "../support/mod.rs"]
mod support;
