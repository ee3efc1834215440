//! The process's own memory map.

use std::path::Path;

/// Whether the process's map has a file, by its path or by its numbers; `None` where there is no map to look at.
pub(super) fn has(path: &Path, device: u64, inode: u64) -> Option<bool> {
    let text = std::fs::read("/proc/self/maps").ok()?;
    let device = format!("{:02x}:{:02x}", libc::major(device), libc::minor(device));
    Some(listed(
        &String::from_utf8_lossy(&text),
        path,
        &device,
        inode,
    ))
}

fn listed(maps: &str, path: &Path, device: &str, inode: u64) -> bool {
    let path = path.to_string_lossy();
    maps.lines().any(|line| {
        let Some(entry) = Entry::of(line) else {
            return false;
        };
        let name = entry.name.strip_suffix(" (deleted)").unwrap_or(entry.name);
        // A file that was renamed since has another path; on a layered file system it may have another device.
        let same = entry.device == device || file_name(name) == file_name(&path);
        name == path || entry.inode == inode && same
    })
}

/// A line such as `7f00-7f01 r-xp 00000000 08:01 1234   /a/b.so`.
struct Entry<'a> {
    device: &'a str,
    inode: u64,
    name: &'a str,
}

impl<'a> Entry<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (_addresses, rest) = line.split_once(' ')?;
        let (_rights, rest) = rest.split_once(' ')?;
        let (_offset, rest) = rest.split_once(' ')?;
        let (device, rest) = rest.split_once(' ')?;
        let (inode, name) = rest.split_once(' ')?;
        Some(Self {
            device,
            inode: inode.parse().ok()?,
            name: name.trim_start(),
        })
    }
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
        let listed = |path: &str, device, inode| listed(maps, Path::new(path), device, inode);
        assert!(listed("/a/b c.so", "08:02", 7));
        assert!(listed("/a/gone.so", "08:02", 7));
        assert!(listed("/elsewhere/gone.so", "08:02", 99));
        assert!(listed("/elsewhere/other.so", "08:01", 99));
        assert!(!listed("/elsewhere/other.so", "08:02", 99));
        assert!(!listed("/a/b.so", "08:01", 7));
    }

    #[test]
    fn this_program_is_in_its_own_map() {
        let program = std::env::current_exe().unwrap();
        assert_ne!(has(&program, 0, 1), Some(false));
        assert_ne!(has(Path::new("/no/such/library.so"), 0, 1), Some(true));
    }
}
