//! A server of one's own.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{Installation, Result};

/// How long a start may take.
const START: Duration = Duration::from_secs(60);
/// How often a start is tried again, because its port was taken in the meantime.
const TRIES: usize = 3;
/// Who has no rights where PostgreSQL's own user is missing.
const NOBODY: u32 = 65534;

/// Runs the server until its own standard input ends, which it does with the owner, however that ended. Then the server is
/// gone at once, and so is its folder.
const KEEP: &str = r#"
server=$1; folder=$2; shift 2
"$server" -D "$folder/data" "$@" < /dev/null > "$folder/log" 2>&1 &
while read -r _; do :; done
kill -QUIT $!
wait
rm -rf -- "$folder"
"#;

/// A running server, which ends with this value.
#[derive(Debug)]
pub struct Server {
    keeper: Child,
    port: u16,
    /// Removed with this value.
    folder: TempDir,
}

impl Server {
    /// Starts a server, and waits until it answers.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not answer within a minute; its log says why.
    pub fn start() -> Result<Self> {
        let installation = Installation::find()?;
        let mut tried = 1;
        loop {
            match Self::attempt(&installation) {
                Err(error) if tried < TRIES && error.to_string().contains("in use") => tried += 1,
                outcome => return outcome,
            }
        }
    }

    /// The URL of one of its databases; `postgres` is there from the beginning.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://polywire@127.0.0.1:{}/{database}", self.port)
    }

    fn attempt(installation: &Installation) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("polywire-postgres-")
            .tempdir()?;
        let owner = owner();
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let as_owner = |program: &Path| {
            let mut command = Command::new(program);
            command.current_dir(folder.path()).env("LANG", "C.UTF-8");
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command
        };
        let made = as_owner(&installation.program("initdb"))
            .args([
                "--no-sync",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            ])
            .args(["--username=polywire", "--pgdata=data"])
            .stdin(Stdio::null())
            .output()?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr).into_owned();
            return Err(format!("initdb failed: {said}").into());
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let keeper = as_owner(Path::new("sh"))
            .args(["-c", KEEP, "sh"])
            .arg(installation.program("postgres"))
            .arg(folder.path())
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k", ""])
            .args(["-c", "max_connections=200", "-c", "shared_buffers=32MB"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: an interrupt from the keyboard is for the owner, whose end the keeper notices.
            .process_group(0)
            .spawn()?;
        let mut server = Self {
            keeper,
            port,
            folder,
        };
        server.ready()?;
        Ok(server)
    }

    /// Waits until the server takes connections and says that it is ready.
    fn ready(&mut self) -> Result<()> {
        let log = self.folder.path().join("log");
        let end = Instant::now() + START;
        loop {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let ready = said.contains("ready to accept connections")
                && TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
            if ready {
                return Ok(());
            }
            if said.contains("FATAL") || Instant::now() > end {
                return Err(format!("PostgreSQL does not start: {said}").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // It ends by itself; its folder goes afterwards.
        let _ = self.keeper.wait();
    }
}

/// Whom the server runs as when this process is root, which it refuses: PostgreSQL's own user, else nobody.
fn owner() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    fs::metadata("/var/lib/postgresql")
        .map(|home| (home.uid(), home.gid()))
        .ok()
        .filter(|(user, _)| *user != 0)
        .or(Some((NOBODY, NOBODY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_and_is_gone_with_its_owner() {
        let server = Server::start().unwrap();
        let address = (Ipv4Addr::LOCALHOST, server.port);
        let folder = server.folder.path().to_path_buf();
        assert!(TcpStream::connect(address).is_ok());
        assert!(server.url("postgres").ends_with("/postgres"));
        drop(server);
        assert!(TcpStream::connect(address).is_err());
        assert!(!folder.exists());
    }
}
