//! The AMQP (RabbitMQ) transport of Polywire: events over topic exchanges with a durable queue per group, commands over
//! durable queues per floor, calls by direct reply-to.
//!
//! Speaks AMQP 0-9-1 with RabbitMQ 3.10 and later through [lapin](https://docs.rs/lapin), whose connections are supervised
//! here: whatever is lost comes back, for as long as it takes. Two connections per transport carry all its channels.
//!
//! The library logs returned messages whole, at level `warn` under `lapin::returned_messages`; set that target to
//! `error` where tokens must not be logged.

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
