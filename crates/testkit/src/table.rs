//! `capabilities.json`: what each transport claims, and what became of each case, from the latest full run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use polywire_core::Capability;
use serde::{Deserialize, Serialize};

/// The environment variable that names the file.
pub const VARIABLE: &str = "POLYWIRE_TEST_CAPABILITIES";

/// One transport's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What its channels claim.
    pub capability: Capability,
    /// By case: `passed`, `refused` where the capability is not claimed, `not applicable: ...` or `failed`.
    pub cases: BTreeMap<String, String>,
}

/// The rows by transport.
pub type Table = BTreeMap<String, Row>;

/// Where the table is: the file that `POLYWIRE_TEST_CAPABILITIES` names, or `polywire/capabilities.json` in the folder that
/// cargo builds into.
#[must_use]
pub fn path() -> PathBuf {
    env::var_os(VARIABLE).map_or_else(
        || target().join("polywire").join("capabilities.json"),
        PathBuf::from,
    )
}

/// The folder that cargo builds into: the one above this program that carries cargo's cache tag.
fn target() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let tagged = program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file());
    tagged.map_or_else(|| PathBuf::from("target"), Path::to_path_buf)
}

/// Reads a table; one that is not there is empty.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn read(path: &Path) -> io::Result<Table> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Table::new()),
        Err(error) => Err(error),
    }
}

/// Puts a transport's row into the table, in place of its earlier one.
///
/// # Errors
/// When the file cannot be read or written.
pub fn write(path: &Path, transport: &str, row: Row) -> io::Result<()> {
    let mut table = read(path)?;
    table.insert(transport.to_owned(), row);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut text = serde_json::to_vec_pretty(&table)?;
    text.push(b'\n');
    // Renamed into place, so that nobody reads half a table.
    let draft = path.with_extension(format!("{}.draft", process::id()));
    fs::write(&draft, text)?;
    fs::rename(&draft, path)
}
