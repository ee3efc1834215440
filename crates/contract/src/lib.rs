//! Contracts of Polywire: semver negotiation and the neutral contract document.
//!
//! Pure: no async, no I/O. [`negotiate()`] is the one function that decides which version is spoken, on every transport
//! and on both ends; its truth table is `spec/vectors/negotiation.json`. [`Contract`] is `contract.json`: a name, a
//! version and interactions with JSON Schema 2020-12 payloads.
//!
//! ```
//! use polywire_contract::{Name, Offer, Offered, Requirement, Version, negotiate};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! const ORDERS: Name = Name::from_static("orders");
//! let offer = Offer::parse_header(ORDERS, "1.4.2, 2.1.0")?;
//!
//! let agreement = negotiate(&Requirement::parse_list(ORDERS, "^1.2")?, &offer)?;
//! assert_eq!(agreement.version, Version::new(1, 4, 2));
//!
//! let refusal = negotiate(&Requirement::parse_list(ORDERS, "^3")?, &offer).unwrap_err();
//! assert_eq!(
//!     refusal.to_string(),
//!     "no version of contract \"orders\" satisfies ^3: the provider offers 1.4.2 (another major), \
//!      2.1.0 (another major); upgrade the provider to 3.x or require ^2.1"
//! );
//! # Ok(())
//! # }
//! ```

mod contract;
mod digest;
mod name;
mod negotiate;
mod offer;
mod range;
mod refusal;
mod requirement;
mod track;

pub use contract::{
    Contract, ContractBuilder, ContractError, ErrorCode, ErrorCodes, Interaction, InteractionInfo,
    Kind,
};
pub use digest::{Digest, DigestError};
pub use name::{Name, NameError};
pub use negotiate::{Agreement, negotiate};
pub use offer::{Offer, OfferError, Offered, Status};
pub use range::{Range, RangeError};
pub use refusal::{NoMatch, Reason, Refused, Retry, Why};
pub use requirement::{Known, KnownError, Requirement, RequirementError};
pub use schemars;
pub use semver::Version;
pub use track::{Track, TrackError};
