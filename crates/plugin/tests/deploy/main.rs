//! From a signed repository to calls, and back: real libraries, real files, the transport as its users have it.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../libraries/mod.rs"]
mod libraries;
#[path = "../support/mod.rs"]
mod support;
#[path = "../web/mod.rs"]
mod web;

mod absent;
mod calls;
mod consumer;
mod held;
mod hostile;
mod http;
mod majors;
mod overrun;
mod replaced;
mod revoked;
mod settings;
mod sharing;
mod upgrade;
mod window;
mod world;
mod worse;
