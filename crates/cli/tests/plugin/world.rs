//! A folder with keys and libraries in which the real command runs.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use polywire::plugin::format::{Platform, PluginName, ReleaseId};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything here may take.
pub(crate) const SOON: Duration = Duration::from_secs(120);

pub(crate) struct World {
    folder: TempDir,
    /// The public key of `publisher.key`.
    pub(crate) public: String,
}

impl World {
    /// With nothing in it.
    pub(crate) fn empty() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            public: String::new(),
        }
    }

    /// With a key, and no repository yet.
    pub(crate) fn new() -> Self {
        let mut world = Self::empty();
        let made = world.run("keygen --key publisher.key");
        assert_eq!((made.code, made.err.as_str()), (Some(0), ""));
        made.out.trim().clone_into(&mut world.public);
        world
    }

    /// With a repository in which this release of plugin `orders` is deployed.
    pub(crate) fn deployed(version: &str) -> (Self, ReleaseId) {
        let world = Self::new();
        let release = world.published(version);
        world.write(&format!("deploy {version}"));
        (world, release)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.path().join("repository")
    }

    pub(crate) fn release(&self, release: &ReleaseId) -> PathBuf {
        let releases = self.repository().join("releases/orders");
        releases.join(release.to_string())
    }

    /// Compiles a plugin in C, as `NAME.so`; each of `defines` changes it.
    pub(crate) fn compile(&self, name: &str, defines: &[&str]) {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new("cc")
            .args([
                "-std=gnu11",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-shared",
                "-fPIC",
            ])
            .args(defines.iter().map(|define| format!("-D{define}")))
            .arg("-I")
            .arg(here.join("../../include"))
            .arg("-o")
            .arg(self.path().join(format!("{name}.so")))
            .arg(here.join("tests/plugin/orders.c"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
    }

    /// Publishes a release of plugin `orders`; makes the repository with the first.
    pub(crate) fn published(&self, version: &str) -> ReleaseId {
        self.compile("liborders", &[&format!("RELEASE=\"{version}\"")]);
        let told = self.write("publish liborders.so --create");
        assert_eq!(
            (&told["plugin"], &told["new"]),
            (&"orders".into(), &true.into())
        );
        told["release"].as_str().unwrap().parse().unwrap()
    }

    /// The command in this folder, split at spaces, with no variable of this process that could mean it.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polywire"));
        command
            .arg("plugin")
            .args(arguments.split(' ').filter(|argument| !argument.is_empty()))
            .current_dir(self.path())
            .env_clear()
            .env("POLYWIRE_PLUGIN_REPOSITORY", "repository");
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Ran {
        Ran::of(self.command(arguments))
    }

    /// What fails, and says nothing but why.
    pub(crate) fn refused(&self, arguments: &str) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{arguments}");
        ran.err.trim_end().to_owned()
    }

    /// What changes the repository, as JSON, when all is good.
    pub(crate) fn write(&self, arguments: &str) -> Value {
        self.json(&format!("{arguments} --key publisher.key"))
    }

    /// What looks at it, as JSON, when all is good.
    pub(crate) fn look(&self, arguments: &str) -> Value {
        self.json(&format!("{arguments} --trust {}", self.public))
    }

    pub(crate) fn json(&self, arguments: &str) -> Value {
        let ran = self.run(&format!("{arguments} --format json"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{arguments}");
        serde_json::from_str(&ran.out).unwrap()
    }

    pub(crate) fn plugin(&self) -> PluginName {
        "orders".parse().unwrap()
    }
}

/// The plugin of this crate's example, which cargo builds before it runs the tests.
pub(crate) fn example() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().nth(2).unwrap();
    let library = target.join("examples/libplugin_orders.so");
    assert!(
        library.is_file(),
        "{} is missing: cargo test -p polywire-cli builds it, and with --test it does not",
        library.display()
    );
    library
}

/// A release as tables have it.
pub(crate) fn short(release: &ReleaseId) -> String {
    let id = release.to_string();
    let digits = id.find('+').unwrap() + 13;
    id[..digits].to_owned()
}

pub(crate) fn here() -> String {
    Platform::here().to_string()
}

/// With single spaces, however wide a table's columns are.
pub(crate) fn words(text: &str) -> String {
    let lines = text.lines();
    let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[derive(Debug, PartialEq)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(command: Command) -> Self {
        Running::start(command).finish()
    }
}

/// A command that runs, and is ended with the test.
pub(crate) struct Running {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = lines(child.stdout.take().unwrap());
        let err = lines(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// The next line on its standard output.
    pub(crate) fn out(&self) -> String {
        self.out.recv_timeout(SOON).unwrap()
    }

    /// The next line on its standard error.
    pub(crate) fn err(&self) -> String {
        self.err.recv_timeout(SOON).unwrap()
    }

    /// What it says until it ends by itself, and how.
    pub(crate) fn finish(mut self) -> Ran {
        let (out, err) = (rest(&self.out), rest(&self.err));
        // Both ends are closed: it is ending.
        let code = self.child.wait().unwrap().code();
        Ran { code, out, err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    lines
}

fn rest(lines: &Receiver<String>) -> String {
    let mut text = String::new();
    loop {
        match lines.recv_timeout(SOON) {
            Ok(line) => text.push_str(&format!("{line}\n")),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return text,
            Err(error) => panic!("after {text:?}: {error}"),
        }
    }
}

/// Writes what nobody has a reason to change.
pub(crate) fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}
