use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use crate::format::{Ack, ArtifactPath, InstanceId, PluginName, ReleaseId};
use crate::refusal::Refusal;

/// How the files of a repository are reached. It carries bytes and checks nothing but bounds; whoever calls it checks the rest.
///
/// Every method blocks, for a bounded time where the repository is reached over a network by it, and answers from the repository
/// itself and never from a copy of its own that the repository has not just confirmed.
pub trait Fetcher: Send + Sync + fmt::Debug {
    /// Which repository it is, for people: a folder or an address, without secrets.
    fn describe(&self) -> String;

    /// The file of a plugin's index, at most [`Signed::MAX_BYTES`](crate::format::Signed::MAX_BYTES).
    ///
    /// # Errors
    /// [`Refusal::Unreachable`], [`Refusal::Missing`], [`Refusal::NotAFile`] and [`Refusal::Size`].
    fn index(&self, plugin: &PluginName) -> Result<Vec<u8>, Refusal>;

    /// The file of a plugin's beacon, at most as large as an index.
    ///
    /// # Errors
    /// As [`index`](Self::index).
    fn beacon(&self, plugin: &PluginName) -> Result<Vec<u8>, Refusal>;

    /// The manifest of a release and its signature.
    ///
    /// # Errors
    /// As [`index`](Self::index).
    fn manifest(&self, plugin: &PluginName, release: &ReleaseId) -> Result<ManifestFiles, Refusal>;

    /// An artifact, to be read once.
    ///
    /// # Errors
    /// [`Refusal::Unreachable`], [`Refusal::Missing`] and [`Refusal::NotAFile`].
    fn artifact(
        &self,
        plugin: &PluginName,
        release: &ReleaseId,
        file: &ArtifactPath,
    ) -> Result<Source, Refusal>;

    /// Writes an acknowledgement. It is durable in the repository when this returns, so that a repository which only seems to be
    /// there is noticed.
    ///
    /// # Errors
    /// [`Refusal::Unreachable`] when it cannot be written, and [`Refusal::Missing`] where there is no repository.
    fn acknowledge(&self, ack: &Ack) -> Result<(), Refusal>;

    /// Takes an acknowledgement back, when its consumer ends in order. It may be gone already.
    ///
    /// # Errors
    /// [`Refusal::Unreachable`].
    fn leave(&self, plugin: &PluginName, instance: &InstanceId) -> Result<(), Refusal>;
}

/// A manifest and its signature, as they stand in the repository.
#[derive(Clone, Debug)]
pub struct ManifestFiles {
    /// The manifest.
    pub manifest: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// An artifact that is open.
pub struct Source {
    /// Its bytes.
    pub bytes: Box<dyn Read + Send>,
    /// How many bytes the repository says that it has.
    pub size: u64,
    /// Where it came from, a path or an address, for errors.
    pub from: PathBuf,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?}, {} bytes)", self.from, self.size)
    }
}
