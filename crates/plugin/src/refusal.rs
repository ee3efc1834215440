//! Why something in a repository is not taken.

use std::path::PathBuf;
use std::sync::Arc;

use polywire_core::{Error, ErrorKind};

use crate::disk::DiskError;
use crate::format::{Abi, FormatError, NameError, Platform, PluginName, ReleaseId, RepositoryId};
use crate::trust::{KeyId, SignatureError};

/// Why something in a repository is not taken. What runs already goes on running, until its window closes.
///
/// A path is the address of a file where the repository is reached over HTTP.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The repository, or a file in it, cannot be reached.
    #[error("{path:?} cannot be reached: {source}")]
    Unreachable {
        /// What was to be reached.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// A file that must be there is not.
    #[error("{path:?} is not there")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A link, a folder or a device where a file or folder of the repository must be.
    #[error(
        "{path:?} is {found}: a repository has files and folders only, and links are not followed"
    )]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// More bytes than there may be; it was not read.
    #[error("{path:?} has {found} bytes: expected {expected}")]
    Size {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        found: u64,
        /// What was expected, such as `at most 4096`.
        expected: String,
    },
    /// The bytes are others than those that were published.
    #[error("{path:?} has SHA-256 {found}, and the manifest says {expected}")]
    Digest {
        /// The file.
        path: PathBuf,
        /// The digest of what is there.
        found: String,
        /// The digest of what was published.
        expected: String,
    },
    /// It changed while it was read.
    #[error("{path:?} changed while it was read: a release is never rewritten")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A document that is not valid.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A name that could not stand in a repository.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A signature that does not count.
    #[error("the signature of {document} is refused: {source}")]
    Signature {
        /// Which document.
        document: &'static str,
        /// What is wrong with it.
        #[source]
        source: SignatureError,
    },
    /// Another repository than the one that was configured, or seen before.
    #[error("the repository is {found}, and {wanted} is expected")]
    OtherRepository {
        /// The one that is there.
        found: RepositoryId,
        /// The one that was expected.
        wanted: RepositoryId,
    },
    /// An older index than one that was seen.
    #[error(
        "the index has seq {found}, and {seen} by key {key} was seen before: an index never goes back, deploy anew"
    )]
    Rewound {
        /// Its sequence number.
        found: u64,
        /// The one that was seen.
        seen: u64,
        /// The key that signed that one.
        key: KeyId,
    },
    /// Two different indexes of one number.
    #[error(
        "the index has seq {seq} and differs from the one of that seq that was seen before: deploy anew"
    )]
    Equivocal {
        /// Their sequence number.
        seq: u64,
    },
    /// A signed document about something else than where it stands.
    #[error("{document} is about {found}, and {wanted} is expected")]
    Contradiction {
        /// Which document.
        document: &'static str,
        /// What it is about.
        found: String,
        /// What it should be about.
        wanted: String,
    },
    /// The index names no release for this plugin's major.
    #[error("the index of plugin {plugin} names no release for major {major}: it has {majors}")]
    NoMajor {
        /// The plugin.
        plugin: PluginName,
        /// The major that was asked for.
        major: u64,
        /// Those that it has.
        majors: String,
    },
    /// A release that must not run.
    #[error("release {release} is revoked")]
    Revoked {
        /// The release.
        release: ReleaseId,
    },
    /// Built for machines of another kind.
    #[error("release {release} has artifacts for {offered}, and this process is {wanted}")]
    Platform {
        /// The release.
        release: ReleaseId,
        /// What it is built for.
        offered: String,
        /// What this process is.
        wanted: Platform,
    },
    /// Built for another binary interface.
    #[error(
        "release {release} was built for binary interface {found}, and this consumer has {spoken}.x"
    )]
    Abi {
        /// The release.
        release: ReleaseId,
        /// What it was built for.
        found: Abi,
        /// The majors known here.
        spoken: String,
    },
    /// A beacon that is too old, or from the future.
    #[error(
        "the beacon was issued {age_ms} ms ago: 0 to {most_ms} ms are valid, by clocks that agree"
    )]
    Beacon {
        /// Its age by this machine's clock, in milliseconds.
        age_ms: i128,
        /// The most that is valid, in milliseconds.
        most_ms: u64,
    },
    /// This consumer's own disk failed.
    #[error("the disk of this consumer failed: {0}")]
    Storage(#[from] DiskError),
}

impl Refusal {
    /// The kind in kebab case, for acknowledgements and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Missing { .. } => "missing",
            Self::NotAFile { .. } => "not-a-file",
            Self::Size { .. } => "size",
            Self::Digest { .. } => "digest",
            Self::Changed { .. } => "changed",
            Self::Format(_) => "format",
            Self::Name(_) => "name",
            Self::Signature { .. } => "signature",
            Self::OtherRepository { .. } => "other-repository",
            Self::Rewound { .. } => "rewound",
            Self::Equivocal { .. } => "equivocal",
            Self::Contradiction { .. } => "contradiction",
            Self::NoMajor { .. } => "no-major",
            Self::Revoked { .. } => "revoked",
            Self::Platform { .. } => "platform",
            Self::Abi { .. } => "abi",
            Self::Beacon { .. } => "beacon",
            Self::Storage(_) => "storage",
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Unreachable { .. } | Refusal::Missing { .. } | Refusal::Storage(_) => {
                ErrorKind::Unavailable
            }
            Refusal::NoMajor { .. } => ErrorKind::Unroutable,
            _ => ErrorKind::Integrity,
        };
        Self::new(kind, refusal.to_string())
            .dispatched_as(polywire_core::Dispatched::No)
            .with("refusal", refusal.code())
            .caused_by(refusal)
    }
}
