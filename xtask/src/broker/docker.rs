//! The broker of docker-compose.yml.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use polywire_test_broker::{Guard, output};

use crate::{Result, tree};

/// Its url, by the ports of the file.
pub(crate) const URL: &str = "amqp://guest:guest@127.0.0.1:5672/%2f";

const SERVICE: &str = "rabbitmq";
/// How long an engine may take to say that it is there.
const ANSWER: Duration = Duration::from_secs(20);
/// How long fetching the image and starting it may take.
const START: Duration = Duration::from_secs(600);

/// Docker's command, on the project's file.
#[derive(Debug)]
pub(crate) struct Docker {
    program: PathBuf,
    file: PathBuf,
}

/// The broker that it runs; it is stopped with this value, unless it ran before.
#[derive(Debug)]
pub(crate) struct Running {
    _stop: Option<Guard>,
}

impl Docker {
    pub(crate) fn new() -> Self {
        Self {
            program: "docker".into(),
            file: tree::root().join("docker-compose.yml"),
        }
    }

    /// Whether an engine answers, and Compose is there.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn answers(&self) -> Result<()> {
        self.run(&["info"], ANSWER)?;
        self.run(&["compose", "version"], ANSWER).map(drop)
    }

    /// Whether the broker runs already.
    pub(crate) fn is_up(&self) -> bool {
        let listed = self.compose(&["ps", "--quiet", "--status", "running", SERVICE], ANSWER);
        listed.is_ok_and(|output| !output.stdout.trim_ascii().is_empty())
    }

    /// Starts the broker where it does not run, and waits until it is healthy.
    ///
    /// # Errors
    /// What Docker says.
    pub(crate) fn up(&self) -> Result<Running> {
        if self.is_up() {
            return Ok(Running { _stop: None });
        }
        let words = [&self.program, &self.file].map(|path| path.to_string_lossy());
        // First, so that not even a killed process leaves it behind.
        let stop = Guard::start(
            r#""$1" compose --file "$2" stop rabbitmq"#,
            &[&words[0], &words[1]],
        )?;
        self.compose(&["up", "--detach", "--wait", SERVICE], START)?;
        Ok(Running { _stop: Some(stop) })
    }

    fn compose(&self, arguments: &[&str], within: Duration) -> Result<Output> {
        let file = self.file.to_string_lossy();
        self.run(&[&["compose", "--file", &file], arguments].concat(), within)
    }

    fn run(&self, arguments: &[&str], within: Duration) -> Result<Output> {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.file.parent().unwrap_or(Path::new(".")));
        let output = output(command, within)?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty());
        Err(format!(
            "docker {}: {}: {}",
            arguments.join(" "),
            output.status,
            last.unwrap_or_default().trim()
        )
        .into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// A command in Docker's place, which writes down how it is called.
    fn docker(running: &str) -> (TempDir, Docker) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("docker");
        let script = format!(
            r#"#!/bin/sh
echo "$*" >> "$0.log"
case "$*" in
  info) echo "Cannot connect to the Docker daemon" >&2; exit 1 ;;
  *" ps "*) printf '%s' '{running}' ;;
esac
"#
        );
        write_program(&program, &script);
        let file = folder.path().join("compose.yml");
        (folder, Docker { program, file })
    }

    /// Writes a program by the hand of another process. While a program is open for writing nobody can run it, and what this
    /// process has open, every process that another test starts at that moment has open too, for an instant.
    fn write_program(path: &Path, text: &str) {
        let write = r#"printf '%s' "$1" > "$0" && chmod 755 "$0""#;
        let mut shell = Command::new("sh");
        let status = shell.args(["-c", write]).arg(path).arg(text).status();
        assert!(status.unwrap().success(), "no program {}", path.display());
    }

    fn called(folder: &TempDir) -> Vec<String> {
        let file = format!("compose --file {}/compose.yml ", folder.path().display());
        let log = fs::read_to_string(folder.path().join("docker.log")).unwrap();
        log.lines().map(|line| line.replace(&file, "")).collect()
    }

    #[test]
    fn what_was_started_is_stopped() {
        let (folder, docker) = docker("");
        drop(docker.up().unwrap());
        assert_eq!(
            called(&folder),
            [
                "ps --quiet --status running rabbitmq",
                "up --detach --wait rabbitmq",
                "stop rabbitmq",
            ]
        );
    }

    #[test]
    fn what_ran_before_runs_on() {
        let (folder, docker) = docker("0f1e2d");
        drop(docker.up().unwrap());
        assert_eq!(called(&folder), ["ps --quiet --status running rabbitmq"]);
    }

    #[test]
    fn no_engine_is_told_in_its_own_words() {
        let (_folder, docker) = docker("");
        let error = docker.answers().unwrap_err();
        assert_eq!(
            error.to_string(),
            "docker info: exit status: 1: Cannot connect to the Docker daemon"
        );
    }
}
