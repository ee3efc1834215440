//! The shop: one program over every transport, its demonstration and its configurations.

mod configs;
mod demo;
mod program;
mod switching;
