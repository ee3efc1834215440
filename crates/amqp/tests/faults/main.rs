//! What goes wrong between us, the broker and its other clients: nothing accepted is lost, nobody waits for ever, and all
//! comes back by itself.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod calls;
mod commands;
mod connection;
mod events;
mod hostile;
mod letters;
mod nodes;
mod publishing;
mod refusals;
mod tls;
