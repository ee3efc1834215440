//! What `#[contract]`, `#[payload]` and `#[error]` make, as a user sees it.

#![allow(clippy::unwrap_used)]
#![deny(deprecated)]

mod document;
mod errors;
mod orders;
mod over_memory;
mod payloads;
mod tolerance;
mod visibility;
