//! What happens to a plugin, as a scrape shows it: a signed repository, real libraries, and the recorder of the process.

#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

#[path = "../deploy/consumer.rs"]
mod consumer;
#[path = "../libraries/mod.rs"]
mod libraries;
#[path = "../support/mod.rs"]
mod support;
#[path = "../deploy/world.rs"]
mod world;

mod gate;
mod scrape;
mod stage;
mod story;
