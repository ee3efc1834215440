//! Where and how a file is kept.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polywire_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags};

use super::{failed, schema};
use crate::clock::{Clock, SystemClock};

/// When an answer means that something is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// On the disk: a loss of power loses nothing.
    #[default]
    Full,
    /// In the hands of the operating system: a loss of power may lose the last answers; the end of the process does not.
    System,
}

/// Where and how a file is kept.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    path: PathBuf,
    durability: Durability,
    pub(super) existing: bool,
    pub(super) clock: Arc<dyn Clock>,
}

impl SqliteOptions {
    /// A file, which is made where there is none.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::Full,
            existing: false,
            clock: Arc::new(SystemClock),
        }
    }

    /// The same for a file that must be there and of this version: nothing is made, and nothing brought to another version.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.existing = true;
        self
    }

    /// The same with another durability.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The same with another clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// A connection to the file.
    pub(super) fn connect(&self) -> Result<Connection> {
        let mut flags = OpenFlags::default();
        if self.existing {
            flags.remove(OpenFlags::SQLITE_OPEN_CREATE);
        } else {
            private(&self.path)?;
        }
        let connection = Connection::open_with_flags(&self.path, flags)
            .map_err(|error| failed("open", &error))?;
        let synchronous = match self.durability {
            Durability::Full => "full",
            Durability::System => "normal",
        };
        schema::prepare(&connection, synchronous)?;
        Ok(connection)
    }
}

/// Makes the file where there is none, for its owner alone: it holds what is sent to others. The log takes its rights over.
fn private(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| {
        Error::new(
            ErrorKind::Unavailable,
            format!("the webhook store's file cannot be opened: {error}"),
        )
        .caused_by(error)
    })
}
