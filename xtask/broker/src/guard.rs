//! What happens when an owner is no more, even when it was killed and cannot say so.

use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::process::Leader;

/// A shell that runs a script once its owner has ended, however it ended: its standard input is then at its end.
///
/// The script finds the last line that it was [told](Self::tell) as `$line`.
#[derive(Debug)]
pub struct Guard {
    shell: Option<Leader>,
    pipe: Option<ChildStdin>,
}

impl Guard {
    /// Starts the shell. Words for the script are its `$1` and so on.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn start(script: &str, words: &[&str]) -> Result<Self> {
        let mut command = Command::new("sh");
        let script = format!("while read -r told; do line=$told; done\n{script}");
        command.args(["-c", &script, "sh"]).args(words);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut shell = Leader::start(command)?;
        let pipe = shell.take_input();
        Ok(Self {
            shell: Some(shell),
            pipe,
        })
    }

    /// Replaces the script's line.
    ///
    /// # Errors
    /// When the shell is gone.
    pub fn tell(&mut self, line: &str) -> Result<()> {
        match &mut self.pipe {
            Some(pipe) => Ok(writeln!(pipe, "{line}")?),
            None => Err("the guard has ended".into()),
        }
    }

    /// Ends the shell without its script: there is nothing to do any more.
    pub fn dismiss(mut self) {
        if let Some(shell) = self.shell.take() {
            shell.kill();
        }
    }
}

/// Runs the script, and waits for its end.
impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.pipe.take());
        if let Some(mut shell) = self.shell.take() {
            // A script that takes longer goes on by itself.
            let _ = shell.wait(Duration::from_secs(30));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_runs_with_its_last_line_unless_it_is_dismissed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("told");
        let words = [path.to_str().unwrap()];
        let script = "printf %s \"$line\" > \"$1\"";
        Guard::start(script, &words).unwrap().dismiss();
        assert!(!path.exists());
        let mut guard = Guard::start(script, &words).unwrap();
        guard.tell("first").unwrap();
        guard.tell("7 8").unwrap();
        drop(guard);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "7 8");
    }
}
