//! Waiting for consumers after a deployment.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use polywire::plugin::format::{Ack, Index, InstanceId};
use polywire::plugin::publish::{Inspector, Patience, Rollout};
use polywire::plugin::window::SystemBootClock;

use super::open::{listed, told};
use super::print::{plain, short};
use crate::times::duration;

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Args, Debug)]
pub(super) struct Wait {
    /// Waits until every consumer follows, until one fails to load the release, or until the window of all has passed
    ///
    /// Shows on the standard error who runs what, a line for each change, and exits with 1 unless every consumer follows.
    #[arg(long)]
    wait: bool,
    /// The deployment window of the consumers; where one tells a longer one, that counts
    #[arg(long, value_name = "DURATION", requires = "wait", default_value = "60s", value_parser = duration)]
    window: Duration,
    /// How much longer than the window is waited, for clocks that do not run alike
    #[arg(long, value_name = "DURATION", requires = "wait", default_value = "5s", value_parser = duration)]
    grace: Duration,
}

impl Wait {
    /// How long is waited, if it is.
    pub(super) fn patience(&self) -> Option<Patience> {
        self.wait.then_some(Patience {
            window: self.window,
            grace: self.grace,
            pause: PAUSE,
        })
    }
}

/// Waits, and shows what changes; answers what is known in the end.
///
/// # Errors
/// When the acknowledgements cannot be read.
pub(super) fn wait(
    inspector: &Inspector,
    index: &Index,
    patience: Patience,
) -> Result<Rollout, String> {
    let mut shown = BTreeMap::new();
    let look = |rollout: &Rollout, acks: &[Ack]| {
        let now = lines(rollout, acks);
        let mut err = io::stderr().lock();
        for (instance, line) in &now {
            if shown.get(instance) != Some(line) {
                // Where nobody reads it, nobody misses it.
                let _ = writeln!(err, "{instance}: {line}");
            }
        }
        for instance in shown.keys().filter(|known| !now.contains_key(*known)) {
            let _ = writeln!(err, "{instance}: has left");
        }
        shown = now;
        !gives_up(rollout, index)
    };
    inspector
        .wait(index, patience, &SystemBootClock, sleep, look)
        .map_err(|error| told(&error))
}

/// Whether a consumer could not load what was deployed: it has time to go back to what it runs until its window ends. An
/// error about another release is one from before.
fn gives_up(rollout: &Rollout, index: &Index) -> bool {
    let mut about = rollout
        .failed
        .values()
        .filter_map(|error| error.release.as_ref());
    about.any(|release| index.names(release))
}

/// What each consumer does, by its name.
fn lines(rollout: &Rollout, acks: &[Ack]) -> BTreeMap<InstanceId, String> {
    let mut lines = BTreeMap::new();
    let mut add = |instance: &InstanceId, what: String| {
        let ack = acks.iter().find(|ack| ack.instance == *instance);
        let runs = ack.map(runs).unwrap_or_default();
        lines.insert(instance.clone(), format!("{what}; {runs}"));
    };
    for instance in &rollout.done {
        add(instance, "follows".to_owned());
    }
    for (instance, error) in &rollout.failed {
        let (code, message) = (plain(&error.code), plain(&error.message));
        add(instance, format!("failed in {code}: {message}"));
    }
    for instance in &rollout.behind {
        add(instance, "does not follow yet".to_owned());
    }
    for instance in &rollout.silent {
        add(instance, "not heard since the deployment".to_owned());
    }
    lines
}

/// What a consumer says that it runs.
pub(super) fn runs(ack: &Ack) -> String {
    let running = ack.running.iter();
    let running = running.map(|(major, release)| format!("{} for major {major}", short(release)));
    let running: Vec<String> = running.collect();
    let mut text = if running.is_empty() {
        "runs nothing".to_owned()
    } else {
        format!("runs {}", running.join(", "))
    };
    if !ack.draining.is_empty() {
        text.push_str(&format!(
            ", ends {}",
            listed(ack.draining.iter().map(short))
        ));
    }
    text
}

/// Whether every consumer that is known follows.
pub(super) fn follow(rollout: &Rollout) -> bool {
    rollout.failed.is_empty() && rollout.behind.is_empty() && rollout.silent.is_empty()
}

/// What came of the wait, for people.
pub(super) fn verdict(rollout: &Rollout) -> String {
    let Rollout {
        done,
        failed,
        behind,
        silent,
        window_passed,
        ..
    } = rollout;
    let mut text = String::new();
    let mut say = |what: String| {
        text.push_str(&what);
        text.push('\n');
    };
    if !done.is_empty() {
        say(format!("follow: {}", listed(done)));
    }
    if !failed.is_empty() {
        say(format!("failed to load it: {}", listed(failed.keys())));
    }
    if !behind.is_empty() {
        say(format!("heard, and do not follow: {}", listed(behind)));
    }
    if !silent.is_empty() {
        say(format!("never acknowledged it: {}", listed(silent)));
    }
    if done.is_empty() && follow(rollout) {
        say("no consumer acknowledges: there is none, or they may only read".to_owned());
    }
    if *window_passed {
        say(
            "the deployment window has passed: no consumer lets calls into what was replaced"
                .to_owned(),
        );
    } else if !follow(rollout) {
        say(
            "what was replaced runs there until the deployment window passes: \"polywire plugin rollback\" deploys it again"
                .to_owned(),
        );
    }
    text
}
