//! Where PostgreSQL's programs are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// Where Debian and its kin keep each version apart, outside the path.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A folder with `initdb` and `postgres`.
#[derive(Clone, Debug)]
pub struct Installation {
    folder: PathBuf,
}

impl Installation {
    /// Finds them: on the path, else the newest that Debian has.
    ///
    /// # Errors
    /// When they are not installed.
    pub fn find() -> Result<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path)
            .find(|folder| is_whole(folder))
            .or_else(newest)
            .map(|folder| Self { folder })
            .ok_or_else(|| "PostgreSQL's server is not installed: install Debian's package postgresql, or name a running one in POLYWIRE_TEST_POSTGRES_URL".into())
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn newest() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).ok()?.flatten();
    versions
        .filter_map(|version| {
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .filter(|(_, folder)| is_whole(folder))
        .max()
        .map(|(_, folder)| folder)
}

fn is_whole(folder: &Path) -> bool {
    ["initdb", "postgres"]
        .iter()
        .all(|program| folder.join(program).is_file())
}
