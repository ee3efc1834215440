//! What a service that speaks a contract needs at hand: `use polywire::prelude::*`.

pub use crate::{
    CallError, CallOptions, Context, Delivery, Error, ErrorKind, Group, NoError, Polywire,
    Provided, Subscriber, TypedDelivery, Versions,
};
