//! The layers around a scripted channel, under paused time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[cfg(feature = "jwt")]
mod jwt;
mod retry;
mod script;
mod timeout;
