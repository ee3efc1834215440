//! Reading `polywire.toml`, its environment overrides and `${VAR}` references.
//!
//! A [`Document`] is parsed once; whoever owns a table reads it through a [`Section`]. Reading never fails on the
//! spot: a wrong value reads as `None` and its [`Mistake`] is collected, so that [`Document::finish`] can report
//! everything that is wrong with the file at once.
//!
//! ```
//! use polywire_core::config::{Document, Environment};
//! use std::time::Duration;
//!
//! let environment = Environment::new().with("POLYWIRE_CHANNEL_ORDERS_TIMEOUT", "5s");
//! let document = Document::parse(
//!     "polywire.toml",
//!     "[channel.orders]\ntransport = \"http\"\ntimeout = \"10s\"\n",
//!     &environment,
//! );
//!
//! let root = document.root();
//! for channel in root.section_or_empty("channel").sections() {
//!     assert_eq!(channel.name(), "orders");
//!     assert_eq!(channel.string("transport").as_deref(), Some("http"));
//!     let limit = Duration::from_millis(1)..=Duration::from_secs(3600);
//!     assert_eq!(channel.duration("timeout", limit), Some(Duration::from_secs(5)));
//!     channel.finish();
//! }
//! root.finish();
//! document.finish()?;
//! # Ok::<(), polywire_core::config::Mistakes>(())
//! ```
//!
//! # Environment
//!
//! `POLYWIRE_<SECTION>_<NAME>_<KEY>` overrides a key: names and keys are written in upper case and everything but
//! letters and digits becomes `_`. The tables of the file claim a variable first, the longest name winning; a name
//! that the file does not have is created in lower case. Variables that reach no key are mistakes, except the
//! reserved `POLYWIRE_CONFIG`, `POLYWIRE_LOG` and `POLYWIRE_TEST_*`.
//!
//! Inside the string values of the file `${VAR}` is replaced from the environment, `${VAR:-text}` falls back to
//! `text` when the variable is unset or empty, and `$${` stands for `${`. A value that went through `${}` counts as
//! a secret wherever this module prints it. Override variables are taken as they are.

mod document;
mod environment;
mod interpolate;
mod leftover;
mod log;
mod lookup;
mod mistake;
mod nearest;
mod print;
mod quantity;
mod read;
mod secret;
mod section;
mod source;
mod syntax;
mod value;

pub use document::{Document, MAX_FILE_BYTES};
pub use environment::Environment;
pub use mistake::{Mistake, Mistakes};
pub use nearest::nearest;
pub use secret::{Secret, redact_url_passwords};
pub use section::Section;
pub use source::Origin;

#[cfg(test)]
mod tests;
