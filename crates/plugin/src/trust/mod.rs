//! Who may write a repository: signatures in the minisign format, and the newest index that each key has signed.
//!
//! The public keys come from the consumer's configuration, never from the repository. A signature says in its trusted comment
//! what kind of document it is for, so that one kind cannot be passed off as another.

mod keys;
mod seen;
mod signing;

pub use keys::{KeyId, SignatureError, TrustError, TrustedKeys};
pub use seen::{SeenStore, Sighting};
pub use signing::{KeyTexts, SigningKey};

/// What a signature is for. It stands in the signature's trusted comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The index of a plugin.
    Index,
    /// The manifest of a release.
    Manifest,
    /// The beacon of a plugin.
    Beacon,
}

impl Purpose {
    /// The trusted comment.
    #[must_use]
    pub const fn comment(self) -> &'static str {
        match self {
            Self::Index => "polywire plugin index",
            Self::Manifest => "polywire plugin manifest",
            Self::Beacon => "polywire plugin beacon",
        }
    }
}

#[cfg(test)]
mod tests;
