//! Checks on the documents: every code block compiles or says that it is none.

use std::path::{Path, PathBuf};

use crate::{Result, tree};

/// Finds code blocks that are switched off, in documents and in doc comments.
///
/// # Errors
/// Each of them, by file and line.
pub(crate) fn check() -> Result<()> {
    let mut found = Vec::new();
    for path in files(&tree::root())? {
        let text = tree::read_path(&path)?;
        let name = path.strip_prefix(tree::root()).unwrap_or(&path);
        found.extend(switched_off(&text).map(|line| {
            format!(
                "{}:{line}: a code block that is switched off: let it compile, or mark it `text`",
                name.display()
            )
        }));
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(found.join("\n").into())
    }
}

fn switched_off(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.lines().enumerate().filter_map(|(index, line)| {
        let fence = line
            .trim_start()
            .trim_start_matches("//!")
            .trim_start_matches("///")
            .trim_start()
            .strip_prefix("```")?;
        let off = fence.split(',').any(|word| word.trim() == "ignore");
        off.then_some(index + 1)
    })
}

/// The sources and documents in a folder, in order.
///
/// # Errors
/// When a folder cannot be listed.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(".md") || name.ends_with(".rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_are_switched_off_are_found() {
        let text = "```rust\n```\n/// ```rust,ignore\n/// ```\n//! ```ignore\n```text\n";
        assert_eq!(switched_off(text).collect::<Vec<_>>(), [3, 5]);
    }
}
