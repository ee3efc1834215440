//! A running role: its lines as they come, and an end that is bounded in time.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Result;

/// A child process, which does not outlive this value.
#[derive(Debug)]
pub struct Role {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
}

impl Role {
    /// Starts a process and listens to what it prints.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &'static str, mut command: Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        let (sender, lines) = channel();
        if let Some(output) = child.stdout.take() {
            // Ends with the process, whose output it reads.
            thread::spawn(move || {
                let lines = BufReader::new(output).lines();
                lines
                    .map_while(std::result::Result::ok)
                    .try_for_each(|line| sender.send(line))
            });
        }
        Ok(Self { name, child, lines })
    }

    /// The rest of the first line that begins with `prefix`.
    ///
    /// # Errors
    /// When the process ends, or the time is over, before it prints such a line.
    pub fn line(&self, prefix: &str, within: Duration) -> Result<String> {
        let until = Instant::now() + within;
        loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix(prefix) {
                        return Ok(rest.trim().to_owned());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!(
                        "{} printed no line {prefix:?} within {within:?}",
                        self.name
                    )
                    .into());
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(
                        format!("{} ended before it printed a line {prefix:?}", self.name).into(),
                    );
                }
            }
        }
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    /// When it has not within the time; it is then killed.
    pub fn finish(mut self, within: Duration) -> Result<ExitStatus> {
        let until = Instant::now() + within;
        loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(_) => {}
                // Its output is closed when it ends.
                Err(RecvTimeoutError::Disconnected) => return Ok(self.child.wait()?),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("{} did not end within {within:?}", self.name).into());
                }
            }
        }
    }

    /// Asks the process to drain and end, as an operator would, and waits until it has.
    ///
    /// # Errors
    /// When it does not end in time, or not well.
    pub fn stop(self, within: Duration) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let name = self.name;
        let status = self.finish(within)?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{name}: {status} after it was asked to end").into())
        }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // Both fail only for a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Role {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Role::start("shell", command).unwrap()
    }

    #[test]
    fn lines_and_ends_are_awaited() {
        let role = shell("echo first; echo 'ready at 7'; exit 3");
        assert_eq!(role.line("ready at", SOON).unwrap(), "7");
        assert_eq!(role.finish(SOON).unwrap().code(), Some(3));
        let error = shell("echo first").line("ready", SOON).unwrap_err();
        assert_eq!(
            error.to_string(),
            "shell ended before it printed a line \"ready\""
        );
    }

    #[test]
    fn a_role_is_asked_to_end_and_waited_for() {
        let role = shell("trap 'exit 0' TERM; echo ready; while :; do :; done");
        role.line("ready", SOON).unwrap();
        role.stop(SOON).unwrap();
        let error = shell("exec sleep 30")
            .finish(Duration::from_millis(1))
            .unwrap_err();
        assert_eq!(error.to_string(), "shell did not end within 1ms");
    }
}
