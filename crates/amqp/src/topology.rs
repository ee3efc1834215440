//! What exists at the broker: exchanges, queues, bindings, and their names. Both ends declare the same.

mod declare;
mod floor;
mod names;
mod plan;

pub(crate) use declare::{Topology, close, delete};
pub(crate) use floor::{Floor, required, served};
pub(crate) use names::{GroupName, Names, short};
pub(crate) use plan::{Declaration, Plans, wait_bucket};
