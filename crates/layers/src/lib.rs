//! Policies that wrap a Polywire channel, a file each, and the authenticator for signed tokens.
//!
//! A layer holds an `Arc<dyn Channel>` and is one, so layers stack. The order matters and reads from the outside in:
//! [`Timeout`] around [`Retry`] around the transport keeps all attempts of a message inside one deadline.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use polywire_core::Channel;
//! use polywire_layers::{Retry, RetryPolicy, Timeout};
//!
//! fn wrap(channel: Arc<dyn Channel>) -> Arc<dyn Channel> {
//!     let retried = Arc::new(Retry::new(channel, RetryPolicy::default()));
//!     Arc::new(Timeout::new(retried, Duration::from_secs(10), Duration::from_secs(60)))
//! }
//! ```
//!
//! | layer | what it does |
//! |---|---|
//! | [`Timeout`] | gives a deadline to messages that have none, shortens one that is too far away |
//! | [`Retry`] | sends again what failed before it could have an effect, within a budget |

mod delegate;
#[cfg(feature = "jwt")]
mod jwt;
mod retry;
mod timeout;

#[cfg(feature = "jwt")]
pub use jwt::{Algorithm, JwtAuthenticator, JwtKey, JwtRules};
pub use retry::{Retry, RetryPolicy};
pub use timeout::Timeout;
