//! One line of progress, for people: shown on a terminal only.

use std::io::{IsTerminal, Write, stderr};

const WIDTH: usize = 32;

/// A bar on the error output, where that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    all: usize,
    done: usize,
    shown: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, all: usize) -> Self {
        let shown = stderr().is_terminal();
        Self {
            what,
            all,
            done: 0,
            shown,
        }
    }

    /// One more is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        let (done, all) = (self.done, self.all.max(1));
        let filled = done * WIDTH / all;
        // A step that would not be seen is not drawn.
        if self.shown && filled != (done - 1) * WIDTH / all {
            let bar = format!(
                "{:━<filled$}{:─<rest$}",
                "",
                "",
                rest = WIDTH.saturating_sub(filled)
            );
            self.draw(&format!("\r{} {bar} {done}/{}", self.what, self.all));
        }
    }

    fn draw(&mut self, text: &str) {
        // Progress that cannot be shown is nothing to fail for.
        self.shown = write!(stderr(), "{text}")
            .and_then(|()| stderr().flush())
            .is_ok();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown && self.done > 0 {
            self.draw("\n");
        }
    }
}
