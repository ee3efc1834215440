//! Events kept and delivered: a bare batch of SQLite, bare posts that are signed, and Polywire, in turn, to one sink.

mod bare;
mod compare;
mod polywire;
mod sink;

pub use compare::{Contender, Figures, Plan, Sample, compare};
pub use sink::serve;
