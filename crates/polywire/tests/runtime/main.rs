//! The runtime built from a config file: what it connects, what it refuses, how it stops.

#[cfg(feature = "jwt")]
mod auth;
mod layers;
mod orders;
mod recorder;
mod selection;
mod settings;
mod stopping;
mod wiring;
