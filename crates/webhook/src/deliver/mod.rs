//! The worker that delivers: it leases what is due, sends it within the bounds of each endpoint, and settles what came of it.
//!
//! One task holds everything that is known of endpoints, so there is no lock; attempts and the store's answers come to it.
//! A subscription's backlog, its silence or its failures take no more than its own share:
//!
//! - of one endpoint at most [`EndpointLimits::concurrency`](crate::schedule::EndpointLimits::concurrency) attempts are under
//!   way and [`DeliverOptions::ahead`] deliveries wait for one; when there are enough, its subscription is left out of leases;
//! - every attempt has one deadline for all of it ([`SendLimits`]), and no more of an answer is read than its bound;
//! - an endpoint that fails again and again, or asks for less, is left alone for a while; what was leased for it goes back,
//!   which counts as no attempt.
//!
//! Rates, concurrency and circuits are of one worker: several workers give an endpoint several times as much. That it is
//! stopped or held is kept in the store, and all of them respect it.
//!
//! A worker that dies, or is frozen for longer than its lease, loses its claims: another one delivers, and whatever the first
//! one says of them afterwards changes nothing. So a delivery may arrive twice, with one `webhook-id`, and never not at all.

mod deliverer;
mod notice;
mod options;
mod sender;
mod signers;
mod worker;

pub use deliverer::Deliverer;
pub use notice::{Notice, NoticeCode, Notices};
pub use options::DeliverOptions;
pub use sender::{SendLimits, Sender, SenderOptions, Sent};
pub use signers::Signers;
pub(crate) use worker::probe;
