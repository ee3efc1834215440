//! Real libraries in this process: in C, in Rust, good and bad.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../libraries/mod.rs"]
mod libraries;

mod before;
mod c;
mod linked;
mod outbound;
mod panics;
mod refused;
mod rust;
