//! The conformance suite that every Polywire transport passes, ours or yours, and a channel to test layers against.
//!
//! Implement [`Factory`], which makes two connected ends, and add a test target with `harness = false` that calls
//! [`main()`]. What the channels claim decides what is tested: a claim runs its cases, and without the claim the refusal
//! is tested. Nothing is skipped in silence. This is all that the memory transport does:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use polywire_core::memory::{Hub, MemoryChannel};
//! use polywire_core::{Channel, Result};
//! use polywire_testkit::{Ends, Factory, World, WorldOptions};
//!
//! struct Memory;
//!
//! #[async_trait]
//! impl Factory for Memory {
//!     async fn world(&self, options: WorldOptions) -> Result<Box<dyn World>> {
//!         let hub = Hub::new(options.bounds);
//!         let end = move || {
//!             let channel = MemoryChannel::new(hub.clone(), options.max_payload);
//!             std::future::ready(Ok(Arc::new(channel) as Arc<dyn Channel>))
//!         };
//!         Ends::meet(end.clone(), end).await
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     polywire_testkit::main("memory", Memory)
//! }
//! ```
//!
//! A full run writes what is claimed and what became of each case to [`table::path`].
//!
//! [`mock`] has a two-ended channel: the code under test holds one end, the test answers at the other. [`twist`] wraps a
//! channel with a fault, and shows that the suite finds it.

mod case;
mod cases;
mod ends;
mod factory;
mod failure;
mod harness;
mod lie;
pub mod mock;
mod refusal;
mod replicas;
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
pub use replicas::Replicas;
