//! The conformance suite that every Polywire transport passes, ours or yours, and a channel to test layers against.
//!
//! Implement [`Factory`] for your transport and add a test target with `harness = false` that calls [`main()`]. What
//! the channels claim decides what is tested: a claim runs its cases, and without the claim the refusal is tested.
//!
//! [`mock`] has a two-ended channel: the code under test holds one end, the test answers at the other.

mod case;
mod cases;
mod ends;
mod factory;
mod failure;
mod harness;
mod lie;
pub mod mock;
mod refusal;
pub mod sample;
mod stage;
pub mod table;
pub mod twist;

pub use case::{Case, Claim, Facility, Report, Verdict};
pub use cases::all as cases;
pub use ends::Ends;
pub use factory::{Facilities, Factory, World, WorldOptions};
pub use failure::{Checked, Failure};
pub use harness::main;
