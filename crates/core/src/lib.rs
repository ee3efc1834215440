//! The core of Polywire: the [`Channel`] trait, messages and deliveries, sessions and services, configuration, the
//! transport registry and the memory transport.
//!
//! A message travels: typed client -> [`Session`] (requirement, deadline, trace) -> [`Channel`] -> the transport's wire
//! -> [`Service::admit`] (negotiation, authentication, bounds) -> [`Admission::dispatch`] -> [`Provider`] -> handler, and
//! its reply back, stamped with the version spoken and checked against the requirement.

#[doc(hidden)]
pub mod __private;
mod admission;
mod auth;
mod capability;
mod channel;
mod client;
pub mod cloudevent;
pub mod codec;
pub mod config;
mod context;
mod deadline;
mod delivery;
mod directory;
mod document;
mod error;
mod exchange;
pub mod fields;
mod hex;
mod history;
mod letters;
pub mod lifecycle;
pub mod memory;
mod message;
mod metadata;
mod options;
mod payload;
mod problem;
mod provider;
mod publisher;
mod registry;
mod service;
mod session;
mod stamp;
mod subscriber;
mod thrown;
mod trace;
mod versions;

pub use admission::{Admission, too_large};
pub use auth::{Authenticator, Caller};
pub use capability::{Capability, Entry, Need, Support, Trust};
pub use channel::{Channel, Health, Subscription, unsupported};
pub use client::{ContractClient, ContractPublisher};
pub use context::Context;
pub use delivery::{Deliveries, Delivery, Settle, Verdict};
pub use directory::{Directory, Listed};
pub use error::{CallError, Dispatched, Error, ErrorKind, Result};
pub use exchange::{Bounds, CommandRunner, Exchange, Member, Overflow, Received, Taking, Workers};
pub use history::Change;
pub use letters::{Letter, Letters, Shelf};
pub use message::{ContentType, Head, Kind, Message, MessageId, Outcome, Receipt, Reply, Token};
pub use metadata::Metadata;
pub use options::CallOptions;
pub use payload::{Empty, Payload};
pub use polywire_contract as contract;
pub use problem::{APPLICATION, MEDIA_TYPE as PROBLEM_MEDIA_TYPE, Problem, TYPE_PREFIX};
pub use provider::{Answer, ApplicationError, NoError, Provider, answer};
pub use publisher::Publisher;
pub use registry::{Environment, Registry, Transport, TransportFactory};
pub use service::{Limits, Service};
pub use session::{Policy, Session};
pub use stamp::Stamp;
pub use subscriber::{Group, Subscriber, TypedDelivery};
pub use thrown::Thrown;
pub use trace::{MAX_TRACESTATE, TraceContext, TraceError};
pub use versions::{Deprecation, EventType, Versions};
