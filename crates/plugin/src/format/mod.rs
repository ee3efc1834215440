//! The documents of a repository, and the names in it: read with bounds, checked, and typed.
//!
//! Documents that a tool writes and signs tolerate keys that this version does not know, because their own keys are all
//! mandatory: a key that is misspelt is a key that is missing. Tables that people write, and those with optional keys, refuse
//! keys that they do not know. What an older reader must not ignore raises the format number instead.

mod ack;
mod beacon;
mod document;
mod error;
mod index;
mod manifest;
mod name;
mod path;
mod release;
mod repository;

pub use ack::{Ack, AckError};
pub use beacon::Beacon;
pub use document::{FORMAT, Signed};
pub use error::FormatError;
pub use index::Index;
pub use manifest::{Abi, Artifact, Description, Manifest, Served, Tier};
pub use name::{InstanceId, NameError, Platform, PluginName, RepositoryId};
pub use path::ArtifactPath;
pub use release::ReleaseId;
pub use repository::RepositoryFile;

#[cfg(test)]
mod tests;
