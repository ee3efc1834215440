//! A private PostgreSQL server for tests: on the loopback, in a temporary folder, and gone with its owner, even one that was killed.

mod installation;
mod server;

pub use installation::Installation;
pub use server::Server;

/// Whatever goes wrong here, for people who run tests.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
