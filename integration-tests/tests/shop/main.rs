//! The shop: one program over every transport, its demonstration and its configurations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails here fails the test"
)]

mod configs;
mod demo;
mod program;
mod switching;
