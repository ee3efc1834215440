//! Processes of this program, each in its role, which are frozen and killed.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::frozen;
use crate::killed::ends;
use crate::world::SOON;

/// Which process this is.
pub(crate) const ROLE: &str = "POLYWIRE_TEST_FAULTS_ROLE";

/// The role of this process; `None` for the one that tests.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// What its owner has set for it.
pub(crate) fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by whoever starts this process"))
}

/// Plays a role until it is told that it is over, or its owner is gone.
pub(crate) fn run(role: &str) {
    // A task that panics ends its process, which its owner notices.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        std::process::abort();
    }));
    let (tell, told) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let _ = tell.send(line.unwrap());
        }
        std::process::exit(0);
    });
    Runtime::new().unwrap().block_on(async {
        match role {
            frozen::worker::ROLE => frozen::worker::work(told).await,
            ends::PUBLISHER => ends::provide(told, true).await,
            ends::REPLICA => ends::provide(told, false).await,
            ends::CONSUMER => ends::consume().await,
            other => panic!("{other} is no role"),
        }
    });
}

/// Says a line in one piece, so that those of several tasks do not mix.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// A process in a role, which is killed when this is dropped.
pub(crate) struct Process {
    child: std::process::Child,
    input: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Process {
    pub(crate) fn start(role: &str, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(ROLE, role)
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (tell, lines) = mpsc::unbounded_channel();
        // It ends with the process.
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = String::new();
            while output.read_line(&mut line).is_ok_and(|read| read > 0) {
                // What it was killed in the middle of saying, it has not said.
                if let Some(line) = line.strip_suffix('\n') {
                    let _ = tell.send(line.to_owned());
                }
                line.clear();
            }
        });
        Self {
            child,
            input,
            lines,
        }
    }

    /// Tells it a line.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Whatever it says from now on, until its end.
    pub(crate) fn take_lines(&mut self) -> mpsc::UnboundedReceiver<String> {
        std::mem::replace(&mut self.lines, mpsc::unbounded_channel().1)
    }

    /// Ends it at once, and sees that it did not end before by itself.
    pub(crate) fn kill(mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it ended by itself");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The next line that it says.
    pub(crate) async fn line(&mut self) -> String {
        let line = timeout(SOON, self.lines.recv()).await;
        line.expect("a line in time").expect("a process that lives")
    }

    /// Waits until it says a line.
    pub(crate) async fn says(&mut self, wanted: &str) {
        while self.line().await != wanted {}
    }

    /// Stops it where it is: none of its threads does anything more.
    pub(crate) fn freeze(&self) {
        kill_process(self.id(), Signal::STOP).unwrap();
        let stopped = waitpid(Some(self.id()), WaitOptions::UNTRACED).unwrap();
        let (_, status) = stopped.expect("it was waited for");
        assert!(status.stopped(), "{status:?}");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        kill_process(self.id(), Signal::CONT).unwrap();
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
