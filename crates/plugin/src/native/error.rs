//! Why a library does not become a generation.

use std::path::PathBuf;

use polywire_plugin_abi::read::ReadError;

/// Why a library was not loaded. Whatever ran before goes on running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be looked at.
    #[error("plugin {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The same file is loaded already; the system would answer with that one, whatever it holds now.
    #[error("plugin {path} is loaded already: give each generation a copy of its own", path = path.display())]
    Loaded {
        /// The file.
        path: PathBuf,
    },
    /// As many libraries as may be are in the process.
    #[error(
        "{resident} plugin libraries are in this process, its maximum, {retired} of them because they could not be closed: wait until \
         one has ended, or restart the process"
    )]
    TooMany {
        /// How many are there.
        resident: usize,
        /// How many of them will stay.
        retired: usize,
    },
    /// The system cannot load it.
    #[error("plugin {path} cannot be loaded: {reason}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It exports no descriptor of this version of the interface.
    #[error("plugin {path} exports no polywire_plugin_v1: {advice}", path = path.display())]
    NoDescriptor {
        /// The file.
        path: PathBuf,
        /// What would work.
        advice: String,
    },
    /// Its descriptor is wrong.
    #[error("plugin {path}: {source}", path = path.display())]
    Descriptor {
        /// The file.
        path: PathBuf,
        /// Which field, and how.
        source: ReadError,
    },
    /// Its descriptor is not what was expected of it.
    #[error("plugin {path} is not what it should be: {reason}", path = path.display())]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// It refused to start.
    #[error("plugin {name} {release} failed in {step}: {reason}")]
    Refused {
        /// The plugin.
        name: String,
        /// Its release.
        release: String,
        /// `describe`, `init` or `self_test`.
        step: &'static str,
        /// What it said.
        reason: String,
    },
    /// The thread that ends generations could not be started.
    #[error("no thread to end plugins on: {0}")]
    Thread(std::io::Error),
}
