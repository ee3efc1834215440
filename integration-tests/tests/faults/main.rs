//! AMQP under faults: whatever is accepted is handled, whoever fails and when. One broker is for all tests, one by one.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod broker;
mod child;
mod consumers;
mod contract;
mod killed;
mod load;
#[cfg(target_os = "linux")]
mod memory;
#[path = "../support/mod.rs"]
mod support;
