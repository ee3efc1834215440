//! Other languages' interpreters and libraries, for the programs that speak to us without anything of ours. They are
//! installed into folders under `target/`, by the languages' own tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use polywire_test_broker::output;

use crate::{Result, debian, tree};

/// Where the programs and the lists of what they need are, in a folder for each transport.
const PROGRAMS: &str = "integration-tests/interop";
/// In a folder in which all that is needed is installed: what that was.
const STAMP: &str = "installed";
/// How long installing may take.
const INSTALL: Duration = Duration::from_secs(300);
/// How long a program may take to say its version.
const ANSWER: Duration = Duration::from_secs(30);

/// What the programs speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spoken {
    /// AMQP: pika in Python, amqplib in Node.js.
    Amqp,
    /// Webhooks: `standardwebhooks` and `cloudevents` in both.
    Webhook,
}

impl Spoken {
    const ALL: [Self; 2] = [Self::Amqp, Self::Webhook];

    /// The name of its folder.
    const fn name(self) -> &'static str {
        match self {
            Self::Amqp => "amqp",
            Self::Webhook => "webhook",
        }
    }

    /// Where a file of its programs is, from the root of the repository.
    fn file(self, name: &str) -> String {
        format!("{PROGRAMS}/{}/{name}", self.name())
    }

    /// Where what a language needs is installed.
    fn folder(self, language: &str) -> PathBuf {
        let folder = tree::target().join("polywire").join("interop");
        folder.join(self.name()).join(language)
    }
}

/// A program in another language, and what runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The language.
    pub language: &'static str,
    interpreter: PathBuf,
    script: PathBuf,
    variable: Option<(&'static str, PathBuf)>,
}

impl Peer {
    /// The program, to which arguments and variables can be added.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.arg(&self.script);
        if let Some((name, value)) = &self.variable {
            command.env(name, value);
        }
        command
    }
}

/// Installs for every language.
///
/// # Errors
/// What failed.
pub(crate) fn prepare() -> Result<()> {
    for spoken in Spoken::ALL {
        python(spoken)?;
        node(spoken)?;
    }
    Ok(())
}

/// The program in Python.
///
/// # Errors
/// When Python or a library is not there and cannot be installed.
pub fn python(spoken: Spoken) -> Result<Peer> {
    let list = spoken.file("requirements.txt");
    let needs = tree::read(&list)?;
    let folder = spoken.folder("python");
    let interpreter = folder.join("bin/python");
    if !is_installed(&folder, &needs) {
        empty(&folder)?;
        if let Err(missing) = environment("python3", &folder) {
            eprintln!("{missing}");
            debian::install(&["python3-venv"])?;
            // One that was installed elsewhere would still be found first.
            environment("/usr/bin/python3", &folder)?;
        }
        let mut install = Command::new(&interpreter);
        install
            .args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(tree::root().join(list));
        run(install, INSTALL)?;
        fs::write(folder.join(STAMP), needs)?;
    }
    Ok(Peer {
        language: "python",
        interpreter,
        script: tree::root().join(spoken.file("peer.py")),
        variable: None,
    })
}

fn environment(python: &str, folder: &Path) -> Result<()> {
    let mut make = Command::new(python);
    make.args(["-m", "venv", "--clear"]).arg(folder);
    run(make, INSTALL)
}

/// The program for Node.js.
///
/// # Errors
/// When Node.js or a library is not there and cannot be installed.
pub fn node(spoken: Spoken) -> Result<Peer> {
    let needs = tree::read(&spoken.file("package.json"))?;
    let folder = spoken.folder("node");
    if !is_installed(&folder, &needs) {
        for program in ["node", "npm"] {
            let mut version = Command::new(program);
            version.arg("--version");
            if let Err(missing) = run(version, ANSWER) {
                eprintln!("{missing}");
                debian::install(&["nodejs", "npm"])?;
            }
        }
        empty(&folder)?;
        fs::write(folder.join("package.json"), &needs)?;
        let mut install = Command::new("npm");
        install
            .args(["install", "--no-package-lock", "--no-audit", "--no-fund"])
            .args(["--loglevel", "error"])
            .current_dir(&folder);
        run(install, INSTALL)?;
        fs::write(folder.join(STAMP), needs)?;
    }
    Ok(Peer {
        language: "node",
        interpreter: "node".into(),
        script: tree::root().join(spoken.file("peer.js")),
        variable: Some(("NODE_PATH", folder.join("node_modules"))),
    })
}

fn is_installed(folder: &Path, needs: &str) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|installed| installed == needs)
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}

fn run(command: Command, within: Duration) -> Result<()> {
    let text = format!("{command:?}");
    let output = output(command, within)?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!(
        "{text}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&said).trim()
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_otherwise_is_not_installed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("python");
        assert!(!is_installed(&folder, "pika==1"));
        empty(&folder).unwrap();
        fs::write(folder.join(STAMP), "pika==1").unwrap();
        assert!(is_installed(&folder, "pika==1"));
        assert!(!is_installed(&folder, "pika==2"));
        empty(&folder).unwrap();
        assert!(!is_installed(&folder, "pika==1"));
    }

    #[test]
    fn what_fails_is_told_in_its_own_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no network >&2; exit 7"]);
        let error = run(command, ANSWER).unwrap_err().to_string();
        assert!(error.starts_with("\"sh\" \"-c\" "), "{error}");
        assert!(error.ends_with(": exit status: 7\nno network"), "{error}");
    }
}
