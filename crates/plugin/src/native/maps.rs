//! The process's own memory map.

use std::path::Path;

/// Whether the process's map has a file, by its path or by its number; `None` where there is no map to look at.
pub(super) fn has(path: &Path, inode: u64) -> Option<bool> {
    let text = std::fs::read("/proc/self/maps").ok()?;
    Some(listed(&String::from_utf8_lossy(&text), path, inode))
}

fn listed(maps: &str, path: &Path, inode: u64) -> bool {
    let path = path.to_string_lossy();
    maps.lines().any(|line| {
        let Some((number, name)) = entry(line) else {
            return false;
        };
        let name = name.strip_suffix(" (deleted)").unwrap_or(name);
        // A file that was renamed since has another path, one on a layered file system may have another number. A file
        // of another disk with the same number is taken for it only when it has the same name as well.
        name == path || number == inode && file_name(name) == file_name(&path)
    })
}

/// The inode and the path of a line such as `7f00-7f01 r-xp 00000000 08:01 1234   /a/b.so`.
fn entry(line: &str) -> Option<(u64, &str)> {
    let mut rest = line;
    for _ in 0..4 {
        rest = rest.split_once(' ')?.1.trim_start();
    }
    let (number, name) = rest.split_once(' ')?;
    Some((number.parse().ok()?, name.trim_start()))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_path_deleted_or_moved() {
        let maps = "7f00-7f01 r-xp 00000000 08:01 1234                       /a/b c.so\n\
                    7f01-7f02 r--p 00001000 08:01 99                         /a/gone.so (deleted)\n\
                    7f02-7f03 rw-p 00000000 00:00 0 \n\
                    7ffc-7ffd rw-p 00000000 00:00 0                          [stack]\n";
        let listed = |path: &str, inode| listed(maps, Path::new(path), inode);
        assert!(listed("/a/b c.so", 7));
        assert!(listed("/a/gone.so", 7));
        assert!(listed("/elsewhere/gone.so", 99));
        assert!(!listed("/elsewhere/other.so", 99));
        assert!(!listed("/a/b.so", 0));
    }

    #[test]
    fn this_program_is_in_its_own_map() {
        let program = std::env::current_exe().unwrap();
        assert_ne!(has(&program, 0), Some(false));
        assert_ne!(has(Path::new("/no/such/library.so"), 0), Some(true));
    }
}
