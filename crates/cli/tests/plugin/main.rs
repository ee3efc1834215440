//! `polywire plugin` on real repositories, with real libraries and consumers that acknowledge.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod consumer;
mod documented;
mod keys;
mod libraries;
mod life;
mod upkeep;
mod waiting;
mod world;
mod wrong;
