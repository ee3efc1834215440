//! Where deliveries may go: the guard against server-side request forgery, on by default.
//!
//! Whoever subscribes names an URL that this service then connects to, from inside its own network. So:
//!
//! - an URL is parsed once, as the WHATWG URL standard says, and only that reading's own text is used from there on ([`Target`]);
//! - its name is resolved for every new connection, **every** address of the answer must pass, and one that passed is
//!   dialled: no second look-up can answer differently ([`GuardedConnector`]);
//! - nothing follows redirects, and nothing asks the environment for a proxy;
//! - an error never says which address it was, nor whether a name exists: that would map the network for whoever asks.
//!
//! ```
//! use polywire_webhook::guard::{Policy, Target};
//!
//! let policy = Policy::default();
//! assert!(Target::parse("https://hooks.example.com/acme", &policy).is_ok());
//! let refused = Target::parse("https://2130706433/", &policy).unwrap_err();
//! assert_eq!(refused.to_string(), "the sink cannot be reached at a public address");
//! ```

mod address;
mod connector;
mod error;
mod policy;
mod resolve;
mod target;
#[cfg(test)]
mod tests;

pub use connector::{ConnectError, GuardedConnector};
pub use error::GuardError;
pub use policy::{Policy, PolicyError};
pub use resolve::{Resolve, SystemResolver};
pub use target::Target;
