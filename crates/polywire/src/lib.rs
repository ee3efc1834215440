#![doc = include_str!("../README.md")]

mod builder;
pub mod prelude;
mod provided;
mod report;
mod run;
mod settings;
#[cfg(feature = "signal")]
mod signals;
mod wire;

pub use builder::{Builder, default_registry};
#[cfg(feature = "amqp")]
pub use polywire_amqp as amqp;
#[doc(hidden)]
pub use polywire_core::__private;
pub use polywire_core::contract::{self, NoMatch, Requirement, Version};
pub use polywire_core::{self as core, config, memory};
pub use polywire_core::{
    ApplicationError, Authenticator, CallError, CallOptions, Caller, Capability, Change, Channel,
    Context, ContractClient, ContractPublisher, Deliveries, Delivery, Deprecation, Dispatched,
    Empty, Error, ErrorKind, EventType, Group, Health, Letter, Letters, Metadata, NoError, Payload,
    Provider, Publisher, Receipt, Registry, Result, Service, Session, Shelf, Stamp, Subscriber,
    Support, Token, Transport, TransportFactory, Trust, TypedDelivery, Verdict, Versions,
};
#[cfg(feature = "http")]
pub use polywire_http as http;
pub use polywire_layers as layers;
pub use polywire_macros::{contract, error, payload};
#[cfg(feature = "plugin")]
pub use polywire_plugin as plugin;
#[cfg(feature = "plugin-export")]
pub use polywire_plugin_export::{self as plugin_export, export_plugin};
#[cfg(feature = "webhook")]
pub use polywire_webhook as webhook;
pub use provided::Provided;
pub use report::{Candidate, ChannelReport, Report, TransportReport};
pub use wire::Polywire;
pub use {polywire_core::contract::schemars, serde, serde_json};
