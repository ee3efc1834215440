//! The worker that delivers, against real servers and real stores.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod bounds;
#[path = "../support/certificate.rs"]
mod certificate;
#[path = "../support/database.rs"]
mod database;
mod ending;
mod isolation;
#[path = "../support/log.rs"]
mod log;
mod meaning;
#[path = "../support/outage.rs"]
mod outage;
mod request;
mod sender;
mod shadow;
mod shares;
#[path = "../support/sink.rs"]
mod sink;
mod timing;
mod unreachable;
#[path = "../support/watched.rs"]
mod watched;
mod world;
