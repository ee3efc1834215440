//! One contract, many transports: a communication SDK for services.

#[doc(hidden)]
pub use polywire_core::__private;
pub use polywire_core::{
    CallError, CallOptions, Context, ContractClient, ContractPublisher, Empty, Error, ErrorKind,
    Group, Publisher, Receipt, Session, Subscriber, TypedDelivery, Versions,
};
pub use polywire_macros::{contract, error, payload};
