//! Real libraries in this process: in C, in Rust, good and bad.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod c;
mod panics;
mod refused;
mod rust;
