//! The AMQP (RabbitMQ) transport of Polywire: events over topic exchanges with a durable queue per group, commands over
//! durable queues per floor, calls by direct reply-to.
//!
//! Speaks AMQP 0-9-1 with RabbitMQ 3.10 and later through [lapin](https://docs.rs/lapin), whose connections are supervised
//! here: whatever is lost comes back, for as long as it takes. Two connections per transport carry all its channels.
//!
//! # What to know in operation
//!
//! - Both ends declare what they need, so `namespace`, `queue_type`, `queue_messages`, `queue_bytes`, `expire_unused` and
//!   `max_returns` must be the same at both; what differs is an error that names the argument and both values.
//! - An event for which no group exists goes nowhere, and that is no error. A group exists from its first subscription
//!   on, with or without members.
//! - What a handler holds for longer than the broker's `consumer_timeout`, 30 minutes by default, comes again.
//! - A call that is in nobody's hands any more, as its provider was killed, ends after about four seconds.
//! - The thread on which lapin reads frames logs nothing, as it would log messages that the broker returns whole, tokens
//!   included. What is worth knowing of it is logged here.

mod broker;
mod channel;
mod client;
mod config;
mod connection;
mod consume;
mod error;
mod letters;
mod publish;
mod server;
mod topology;
mod transport;
mod wire;

pub use channel::AmqpChannel;
pub use config::{AmqpConfig, BrokerUrl, QueueType, TlsConfig};
pub use letters::ShelfOwner;
pub use transport::{AmqpFactory, AmqpTransport};
