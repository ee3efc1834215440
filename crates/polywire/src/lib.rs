#![doc = include_str!("../README.md")]

mod builder;
pub mod prelude;
mod provided;
mod report;
mod run;
mod settings;
mod wire;

pub use builder::{Builder, default_registry};
#[cfg(feature = "http")]
pub use polywire_http as http;
pub use polywire_core::contract::{self as contracts, NoMatch, Requirement, Version};
pub use polywire_core::{
    ApplicationError, Authenticator, CallError, CallOptions, Caller, Capability, Change, Channel, Context, ContractClient,
    ContractPublisher, Delivery, Deprecation, Dispatched, Error, ErrorKind, Group, Health, Letter, Letters, Metadata, NoError,
    Policy, Provider, Publisher, Receipt, Registry, Result, Service, Session, Shelf, Stamp, Subscriber, Support, Token,
    Transport, TransportFactory, Trust, TypedDelivery, Verdict, Versions, config, memory,
};
pub use polywire_core as core;
pub use polywire_layers as layers;
pub use provided::Provided;
pub use report::{Candidate, ChannelReport, Report, TransportReport};
pub use wire::Polywire;
pub use {serde, serde_json};
