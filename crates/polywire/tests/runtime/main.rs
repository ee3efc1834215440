//! The runtime built from a config file: what it connects, what it refuses, how it stops.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[cfg(feature = "jwt")]
mod auth;
mod layers;
mod orders;
mod recorder;
mod selection;
mod settings;
mod stopping;
mod wiring;
