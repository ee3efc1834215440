//! What users hold may be held by several tasks and moved between threads.

use polywire::{
    CallError, CallOptions, Caller, Capability, Channel, Context, Deliveries, Delivery, Error,
    Metadata, Polywire, Provided, Publisher, Receipt, Registry, Requirement, Service, Session,
    Stamp, Subscriber, Token, TypedDelivery, Versions,
};
use shop::{v1, v2};

fn shared<T: Send + Sync + ?Sized + 'static>() {}
fn sent<T: Send + 'static>() {}

#[test]
fn public_types_are_send_and_mostly_sync() {
    shared::<Polywire>();
    shared::<polywire::Builder>();
    shared::<Provided>();
    shared::<dyn Channel>();
    shared::<Session>();
    shared::<Service>();
    shared::<Versions>();
    shared::<Publisher>();
    shared::<Registry>();
    shared::<Requirement>();
    shared::<Capability>();
    shared::<Context>();
    shared::<Caller>();
    shared::<CallOptions>();
    shared::<Metadata>();
    shared::<Token>();
    shared::<Stamp>();
    shared::<Receipt>();
    shared::<Error>();
    shared::<CallError<v1::OrdersError>>();
    shared::<v1::OrdersClient>();
    shared::<v1::OrdersPublisher>();
    shared::<v2::OrdersClient>();
    // One task works on what it was handed.
    sent::<Deliveries>();
    sent::<Delivery>();
    sent::<TypedDelivery<v1::Shipped>>();
    sent::<Subscriber<v1::Shipped>>();
}
