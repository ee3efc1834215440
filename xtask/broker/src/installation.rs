//! Where RabbitMQ's programs are.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::Result;

/// Where Debian's package keeps the programs themselves. Those in `/usr/sbin` drop the environment that nodes are told by.
const DEBIAN: &str = "/usr/lib/rabbitmq/bin";
const PROGRAMS: [&str; 2] = ["rabbitmq-server", "rabbitmqctl"];

/// RabbitMQ as it is installed on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    folder: PathBuf,
}

impl Installation {
    /// Finds it, at Debian's place or along `PATH`.
    ///
    /// # Errors
    /// Where it was looked for, and how to get it.
    pub fn find() -> Result<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        Self::among(Path::new(DEBIAN), &path)
    }

    fn among(debian: &Path, path: &OsStr) -> Result<Self> {
        let along_path = env::split_paths(path).filter_map(|folder| {
            // A link leads to where the other programs are.
            let program = folder.join(PROGRAMS[0]).canonicalize().ok()?;
            program.parent().map(Path::to_path_buf)
        });
        std::iter::once(debian.to_path_buf())
            .chain(along_path)
            .find(|folder| {
                PROGRAMS
                    .iter()
                    .all(|program| folder.join(program).is_file())
            })
            .map(|folder| Self { folder })
            .ok_or_else(|| {
                format!(
                    "found no {} in {} or along PATH: install RabbitMQ 3.10 or later (Debian, Ubuntu: apt-get install rabbitmq-server)",
                    PROGRAMS.join(" and "),
                    debian.display()
                )
                .into()
            })
    }

    /// The path of one of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn it_is_found_behind_links_and_only_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (half, whole, links) = (
            folder.path().join("half"),
            folder.path().join("whole"),
            folder.path().join("links"),
        );
        for folder in [&half, &whole, &links] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(half.join("rabbitmq-server"), "").unwrap();
        for program in PROGRAMS {
            fs::write(whole.join(program), "").unwrap();
        }
        symlink(whole.join("rabbitmq-server"), links.join("rabbitmq-server")).unwrap();
        let none = folder.path().join("none");

        let path = env::join_paths([&half, &links]).unwrap();
        let found = Installation::among(&none, &path).unwrap();
        assert_eq!(
            found.program("rabbitmqctl"),
            whole.canonicalize().unwrap().join("rabbitmqctl")
        );
        let error = Installation::among(&none, half.as_os_str()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("found no rabbitmq-server and rabbitmqctl in "),
            "{error}"
        );
    }
}
