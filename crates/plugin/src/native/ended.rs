//! What became of a generation.

use std::fmt;
use std::path::PathBuf;

/// A generation that nobody calls any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Which one, as [`super::Generation::id`] says.
    pub id: u64,
    /// The plugin's name; empty when it never told one.
    pub name: String,
    /// Its release; empty when it never told one.
    pub release: String,
    /// The file that it was loaded from.
    pub path: PathBuf,
    /// Whether it is gone.
    pub fate: Fate,
}

/// Whether a library is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It was closed, and the process's map has nothing of it.
    Unmapped,
    /// It stays in memory until the process ends, and is never called again.
    Retired(Reason),
}

/// Why a library stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It does not say that it can be closed.
    NotUnloadable,
    /// It did not stop within the time that it was given.
    NotQuiesced,
    /// Threads of it still run.
    Threads(u32),
    /// It could not let go of what it holds.
    NotFinished,
    /// The system would not close it.
    NotClosed,
    /// It was closed, and the process's map still has it: something else keeps it.
    Pinned,
    /// Whether it is gone cannot be seen here.
    Unverified,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmapped => f.write_str("unmapped"),
            Self::Retired(reason) => write!(f, "retired: {reason}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUnloadable => f.write_str("the plugin does not say that it can be unloaded"),
            Self::NotQuiesced => f.write_str("the plugin did not stop within its time"),
            Self::Threads(1) => f.write_str("a thread of the plugin still runs"),
            Self::Threads(count) => write!(f, "{count} threads of the plugin still run"),
            Self::NotFinished => f.write_str("the plugin could not let go of what it holds"),
            Self::NotClosed => f.write_str("the system would not close the library"),
            Self::Pinned => f.write_str("something keeps the library in the process"),
            Self::Unverified => f.write_str("the process's map cannot be read here"),
        }
    }
}
