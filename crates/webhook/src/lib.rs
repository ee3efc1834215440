//! The webhook transport of Polywire: asynchronous delivery between parties who do not trust each other.
//!
//! [`WebhookTransport`] makes channels of its parts, each of which is usable by itself:
//!
//! - [`signature`]: Standard Webhooks signatures, at both ends.
//! - [`guard`]: which addresses deliveries may go to.
//! - [`schedule`]: when to try again, and how much an endpoint is given.
//! - [`record`]: subscriptions and deliveries.
//! - [`store`]: where they are kept, durably.
//! - [`server`]: subscribing, and publishing to those who have.
//! - [`deliver`]: the worker that sends what is kept.
//! - [`inbox`]: a durable queue of what has arrived, at either end.
//! - [`seal`]: the keys of subscriptions at rest.
//! - [`operate`]: what operators do beside a running provider.
//!
//! A delivery is rendered and frozen by [`Store::enqueue`](store::Store::enqueue), given to a worker by
//! [`Store::lease`](store::Store::lease), admitted by its [`Endpoint`](schedule::Endpoint), signed, sent through a
//! [`GuardedConnector`](guard::GuardedConnector), judged by what the answer [means](schedule::Answer::meaning), and settled with
//! a [`Fate`](record::Fate). A worker that dies in between loses its claim, and another one takes over.
//!
//! The large dependencies and why: `rusqlite` brings SQLite itself, so that one machine needs no server; `sqlx`, for PostgreSQL
//! alone and without its macros, lets deliveries be a part of the application's own transaction. It stays at 0.8 for as long as
//! 0.9 asks for a later compiler than this workspace does. `chacha20poly1305`, of the same authors as the hashes here, seals keys.

mod channel;
mod client;
mod clock;
mod config;
mod consent;
pub mod deliver;
mod extension;
pub mod guard;
pub mod inbox;
mod node;
pub mod operate;
mod parts;
mod provider;
pub mod record;
pub mod schedule;
pub mod seal;
pub mod server;
pub mod signature;
pub mod store;
mod transport;
mod wire;

pub use channel::WebhookChannel;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{StoreConfig, WebhookConfig};
pub use transport::{WebhookFactory, WebhookTransport};
