//! Events and calls over RabbitMQ: bare lapin and Polywire, in turn, on one broker.

mod bare;
mod compare;
mod polywire;
mod work;

pub use compare::{Case, Contender, Plan, compare};
pub use polywire_amqp::QueueType;
pub use work::Sample;
