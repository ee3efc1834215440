//! What `#[contract]`, `#[payload]` and `#[error]` make, as a user sees it.

mod document;
mod errors;
mod orders;
mod over_memory;
mod tolerance;
