//! What the nodes of one broker share: a folder, a cookie, a name service, and a guard over all their processes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use crate::guard::Guard;
use crate::installation::Installation;
use crate::options::Options;
use crate::process::{Leader, until};
use crate::{Result, ports};

/// Ends the groups of processes on its line, and removes the folder that is its `$1`, if any.
const END_ALL: &str =
    r#"for group in $line; do kill -KILL "-$group"; done; [ -z "$1" ] || rm -rf -- "$1""#;
/// Which name the name service has among the processes.
const EPMD: &str = "epmd";
/// How long the name service may take to listen.
const SOON: Duration = Duration::from_secs(10);

/// Where the nodes of one broker live, and how they find each other.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) installation: Installation,
    pub(crate) folder: PathBuf,
    pub(crate) epmd_port: u16,
}

impl Place {
    /// One of RabbitMQ's programs, or of Erlang's, with nothing of the machine's own configuration.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        path.push(OsString::from(":/usr/sbin:/usr/bin:/sbin:/bin"));
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", &self.folder)
            .env("LANG", "C.UTF-8")
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .current_dir(&self.folder);
        command
    }
}

/// What runs, and what must end with its owner.
#[derive(Debug)]
pub(crate) struct Keeper {
    guard: Mutex<(Guard, BTreeMap<String, u32>)>,
}

impl Keeper {
    /// Notes the group of a process that now runs, or that one does no more.
    pub(crate) fn note(&self, name: &str, group: Option<u32>) -> Result<()> {
        let mut locked = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, groups) = &mut *locked;
        match group {
            Some(group) => groups.insert(name.to_owned(), group),
            None => groups.remove(name),
        };
        let line: Vec<String> = groups.values().map(ToString::to_string).collect();
        guard.tell(&line.join(" "))
    }
}

/// A place in use.
#[derive(Debug)]
pub(crate) struct Home {
    place: Place,
    keeper: Option<Arc<Keeper>>,
    epmd: Option<Leader>,
    /// Removed with this value.
    temporary: Option<TempDir>,
}

impl Home {
    /// Makes the folder and starts the name service.
    ///
    /// # Errors
    /// When RabbitMQ is not installed, the folder cannot be made, or the name service does not start.
    pub(crate) fn open(options: &Options) -> Result<Self> {
        let installation = Installation::find()?;
        let (folder, temporary) = match &options.folder {
            Some(folder) => {
                fs::create_dir_all(folder)
                    .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
                (folder.canonicalize()?, None)
            }
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("polywire-broker-")
                    .tempdir()?;
                (temporary.path().to_path_buf(), Some(temporary))
            }
        };
        fs::create_dir_all(folder.join("log"))?;
        cookie(&folder)?;
        let [epmd_port] = ports::free()?;
        let place = Place {
            installation,
            folder,
            epmd_port,
        };
        let removed = temporary
            .as_ref()
            .map_or("", |folder| folder.path().to_str().unwrap_or_default());
        let guard = Guard::start(END_ALL, &[removed])?;
        let keeper = Arc::new(Keeper {
            guard: Mutex::new((guard, BTreeMap::new())),
        });
        let mut home = Self {
            place,
            keeper: Some(keeper),
            epmd: None,
            temporary,
        };
        home.start_epmd()?;
        Ok(home)
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Who must know of every process here.
    ///
    /// # Errors
    /// When this home was left.
    pub(crate) fn keeper(&self) -> Result<Arc<Keeper>> {
        self.keeper
            .clone()
            .ok_or_else(|| "this broker was left to itself".into())
    }

    fn start_epmd(&mut self) -> Result<()> {
        let port = self.place.epmd_port;
        let mut command = self.place.command(EPMD);
        command.args(["-address", "127.0.0.1", "-port", &port.to_string()]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut epmd = Leader::start(command)?;
        self.keeper()?.note(EPMD, Some(epmd.id()))?;
        let listens = until(SOON, || match epmd.ended()? {
            Some(status) => {
                Err(format!("{EPMD}, Erlang's name service, ended at once: {status}").into())
            }
            None => Ok(TcpStream::connect(("127.0.0.1", port)).ok()),
        });
        self.epmd = Some(epmd);
        listens?
            .map(drop)
            .ok_or_else(|| format!("{EPMD} does not listen on 127.0.0.1:{port}").into())
    }

    /// Lets everything run on.
    pub(crate) fn leave(mut self) -> Place {
        self.epmd = None;
        if let Some(temporary) = self.temporary.take() {
            let _ = temporary.keep();
        }
        self.place.clone()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(epmd) = self.epmd.take() {
            epmd.kill();
        }
        // By now nothing is left to be ended, or nothing is to be.
        if let Some(keeper) = self.keeper.take().and_then(Arc::into_inner) {
            let (guard, _) = keeper
                .guard
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner);
            guard.dismiss();
        }
    }
}

/// The secret by which nodes and their tools know each other; Erlang wants it readable by its owner alone.
fn cookie(folder: &Path) -> Result<()> {
    let path = folder.join(".erlang.cookie");
    if !path.exists() {
        let random = || RandomState::new().hash_one(&path);
        fs::write(&path, format!("{:016x}{:016x}", random(), random()))?;
    }
    Ok(fs::set_permissions(&path, Permissions::from_mode(0o400))?)
}
