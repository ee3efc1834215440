//! Processes that are bounded in time and ended by their ids.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::Result;

/// How often something is looked at that tells nobody when it changes.
const LOOK: Duration = Duration::from_millis(25);

/// Looks until there is something to see.
///
/// # Errors
/// What looking fails with. `None` when the time is over.
pub(crate) fn until<T>(
    within: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let end = Instant::now() + within;
    loop {
        if let Some(seen) = look()? {
            return Ok(Some(seen));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// A process that leads a group of its own: what it starts ends with it, and a terminal's Ctrl-C does not reach it.
#[derive(Debug)]
pub(crate) struct Leader(Child);

impl Leader {
    /// Starts it.
    ///
    /// # Errors
    /// Names the program.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        command.process_group(0);
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .map_err(|error| format!("cannot run {name}: {error}"))?;
        Ok(Self(child))
    }

    /// The process, and its group.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Where what it reads is written, if that is a pipe.
    pub(crate) fn take_input(&mut self) -> Option<ChildStdin> {
        self.0.stdin.take()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    /// Waits until it has ended. `None` when the time is over.
    pub(crate) fn wait(&mut self, within: Duration) -> Result<Option<ExitStatus>> {
        until(within, || self.ended())
    }

    /// Asks it to end.
    pub(crate) fn ask_to_end(&self) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.0), Signal::TERM)?)
    }

    /// Ends it and all that it started, now. It must not have been waited for: its id could be another's by then.
    pub(crate) fn kill(mut self) {
        if let Ok(None) = self.0.try_wait() {
            // Both fail only for what has ended.
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// Runs a command to its end, with nothing to read, and returns what it wrote.
///
/// # Errors
/// When it cannot be started, or has not ended within the time; it is then killed.
pub fn output(mut command: Command, within: Duration) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut leader = Leader::start(command)?;
    let (out, err) = (
        reading(leader.0.stdout.take()),
        reading(leader.0.stderr.take()),
    );
    let Some(status) = leader.wait(within)? else {
        leader.kill();
        return Err(format!("{name} did not end within {within:?}").into());
    };
    let read = |thread: thread::JoinHandle<Vec<u8>>| thread.join().unwrap_or_default();
    Ok(Output {
        status,
        stdout: read(out),
        stderr: read(err),
    })
}

fn reading(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is what there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_is_written_is_returned_and_what_hangs_is_ended() {
        let output_of = |script| output(shell(script), Duration::from_secs(10));
        let written = output_of("echo out; echo err >&2; exit 3").unwrap();
        assert_eq!(written.status.code(), Some(3));
        assert_eq!(
            (written.stdout, written.stderr),
            (b"out\n".to_vec(), b"err\n".to_vec())
        );
        let begun = Instant::now();
        let error = output(
            shell("sleep 60 & sleep 60; wait"),
            Duration::from_millis(50),
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "sh did not end within 50ms");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_group_ends_as_a_whole() {
        let mut command = shell("sleep 60 & echo $!; wait");
        command.stdout(Stdio::piped());
        let mut leader = Leader::start(command).unwrap();
        let mut out = leader.0.stdout.take().unwrap();
        let mut id = Vec::new();
        let mut byte = [0];
        while byte != *b"\n" {
            out.read_exact(&mut byte).unwrap();
            id.push(byte[0]);
        }
        leader.kill();
        // The pipe ends once the last that holds it has.
        assert_eq!(out.read(&mut byte).unwrap(), 0, "{id:?} lives");
    }
}
