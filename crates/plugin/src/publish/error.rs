use std::path::PathBuf;

use crate::disk::DiskError;
use crate::format::{FormatError, NameError, PluginName, ReleaseId};
use crate::refusal::Refusal;
use crate::trust::{KeyId, TrustError};

/// Why a repository was not changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Another publisher is at work.
    #[error("another publisher is at work in {repository:?}: try again when it is done")]
    Busy {
        /// The repository.
        repository: PathBuf,
    },
    /// The version exists with other content.
    #[error(
        "this version of plugin {plugin} is published as {found}, with other content: a release never changes, publish a new version"
    )]
    Taken {
        /// The plugin.
        plugin: PluginName,
        /// What is published.
        found: ReleaseId,
    },
    /// A release that is not there.
    #[error("plugin {plugin} has no release {wanted}: it has {offered}")]
    NotPublished {
        /// The plugin.
        plugin: PluginName,
        /// The release or version that was asked for.
        wanted: String,
        /// Those that are there.
        offered: String,
    },
    /// A release that serves nothing of a major.
    #[error("release {release} serves no contract of major {major}: it serves {served}")]
    NotServed {
        /// The release.
        release: ReleaseId,
        /// The major that was asked for.
        major: u64,
        /// Those that it serves.
        served: String,
    },
    /// The index changed since the caller looked.
    #[error(
        "the index has seq {found}, and {expected} was expected: look at what was deployed in between"
    )]
    Stale {
        /// What the caller expected.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// A release that must not run.
    #[error("release {release} is revoked: publish a new version")]
    Revoked {
        /// The release.
        release: ReleaseId,
    },
    /// Nothing to go back to.
    #[error(
        "major {major} of plugin {plugin} has no release to go back to: deploy one by its version"
    )]
    NoPrevious {
        /// The plugin.
        plugin: PluginName,
        /// The major.
        major: u64,
    },
    /// An input file that cannot be packed or published.
    #[error("{path:?} cannot be taken: {why}")]
    Input {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what would be valid.
        why: String,
    },
    /// The key of the publisher is not among the trusted ones.
    #[error("key {key} signs and is not among the trusted keys: add it")]
    Untrusted {
        /// The key.
        key: KeyId,
    },
    /// Something in the repository is not as it must be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A document that nobody would accept.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A name that cannot stand in a repository.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A key that cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The disk failed. The next start finds what was there before, or what was to be.
    #[error(transparent)]
    Disk(#[from] DiskError),
}
