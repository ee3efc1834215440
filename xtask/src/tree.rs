//! Where things are in the project's tree.

use std::path::{Path, PathBuf};

use crate::Result;

/// The project's root folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where build results go: the folder around this program that carries cargo's cache tag.
pub(crate) fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let tagged = program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file());
    tagged.map_or_else(|| root().join("target"), Path::to_path_buf)
}

/// Reads a file of the tree, by its path from the root.
///
/// # Errors
/// Names the path.
pub(crate) fn read(path: &str) -> Result<String> {
    read_path(&root().join(path))
}

/// Reads any file.
///
/// # Errors
/// Names the path.
pub(crate) fn read_path(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}
