//! Taking messages from queues: streams that come back, acks in bunches, verdicts carried out.

mod acks;
mod settle;
mod source;

pub(crate) use acks::{Acks, Pending};
pub(crate) use settle::{Origin, Settler, Taken};
pub(crate) use source::{Gone, Plan, Source, Work};
