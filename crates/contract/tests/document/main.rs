//! `contract.json`: built from types, read back, and refused when it breaks a rule.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod built;
mod digest;
mod open;
mod orders;
mod read;
