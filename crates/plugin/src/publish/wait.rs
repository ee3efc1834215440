use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::{Inspector, PublishError};
use crate::format::{Ack, AckError, Index, InstanceId, ReleaseId};
use crate::window::{BootClock, BootTime};

/// How long is waited for consumers after a deployment.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The deployment window of the consumers. Where an acknowledgement tells a longer one, that one counts.
    pub window: Duration,
    /// How much longer is waited, for clocks that do not run alike.
    pub grace: Duration,
    /// The time between two looks.
    pub pause: Duration,
}

/// What is known of the consumers at some time after a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rollout {
    /// The index that they are to follow.
    pub seq: u64,
    /// Consumers that follow it: they have read it, and run nothing else.
    pub done: BTreeSet<InstanceId>,
    /// Consumers that have read it and could not load what it names, and why. They go on with what they had until their window
    /// ends, so that there is time to deploy what was there before.
    pub failed: BTreeMap<InstanceId, AckError>,
    /// Consumers that were heard since the deployment, and do not follow it yet.
    pub behind: BTreeSet<InstanceId>,
    /// Consumers that were never heard since the deployment: ended, or cut off.
    pub silent: BTreeSet<InstanceId>,
    /// Whether the window of every consumer has passed since the deployment, of those too that nobody knows of. None lets calls
    /// into anything else from then on, whatever is said of it here.
    pub window_passed: bool,
}

impl Rollout {
    /// Whether nothing but what the index names is let in any more: every known consumer says so, or the window has passed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let known = !self.done.is_empty();
        let waiting = self.failed.len() + self.behind.len() + self.silent.len();
        self.window_passed || (known && waiting == 0)
    }
}

impl Inspector {
    /// Waits until every consumer that is known follows an index which was just deployed, or until the window of all has passed.
    /// It never takes the silence of a consumer for its end.
    ///
    /// `look` sees what is known after each look, with the acknowledgements from which that is known, and ends the wait early by
    /// answering `false`; `pause` lets time pass.
    ///
    /// # Errors
    /// [`PublishError::Disk`] when the acknowledgements cannot be listed.
    pub fn wait(
        &self,
        index: &Index,
        patience: Patience,
        clock: &dyn BootClock,
        mut pause: impl FnMut(Duration),
        mut look: impl FnMut(&Rollout, &[Ack]) -> bool,
    ) -> Result<Rollout, PublishError> {
        let mut waiting = Waiting {
            index,
            patience,
            deployed: clock.now(),
            first: BTreeMap::new(),
            longest: patience.window,
            looked: false,
        };
        loop {
            let acks = self.acks(&index.plugin)?;
            let rollout = waiting.look(clock.now(), &acks);
            if !look(&rollout, &acks) || rollout.is_over() {
                return Ok(rollout);
            }
            pause(patience.pause);
        }
    }
}

struct Waiting<'a> {
    index: &'a Index,
    patience: Patience,
    deployed: BootTime,
    /// The beat of each consumer at the first look: one that has moved since is alive.
    first: BTreeMap<InstanceId, u64>,
    longest: Duration,
    looked: bool,
}

impl Waiting<'_> {
    fn look(&mut self, now: BootTime, acks: &[Ack]) -> Rollout {
        let mut rollout = Rollout {
            seq: self.index.seq,
            done: BTreeSet::new(),
            failed: BTreeMap::new(),
            behind: BTreeSet::new(),
            silent: BTreeSet::new(),
            window_passed: false,
        };
        let ours = acks
            .iter()
            .filter(|ack| ack.repository == self.index.repository);
        for ack in ours {
            // No window is longer than the longest that there is, whatever an acknowledgement says.
            let window = Duration::from_millis(ack.window_ms).min(crate::window::Window::MAX);
            self.longest = self.longest.max(window);
            let beat = if self.looked {
                // One that came later was heard.
                self.first.get(&ack.instance).copied()
            } else {
                self.first.insert(ack.instance.clone(), ack.beat);
                Some(ack.beat)
            };
            let instance = ack.instance.clone();
            let seen = ack.seq_seen >= self.index.seq;
            match &ack.error {
                Some(error) if seen => {
                    rollout.failed.insert(instance, error.clone());
                }
                None if seen && self.follows(ack) => {
                    rollout.done.insert(instance);
                }
                _ if seen || beat != Some(ack.beat) => {
                    rollout.behind.insert(instance);
                }
                _ => {
                    rollout.silent.insert(instance);
                }
            }
        }
        self.looked = true;
        rollout.window_passed =
            now.since(self.deployed) >= self.longest.saturating_add(self.patience.grace);
        rollout
    }

    /// Whether all that a consumer runs or finishes is what the index names.
    fn follows(&self, ack: &Ack) -> bool {
        let named =
            |(major, release): (&u64, &ReleaseId)| self.index.majors.get(major) == Some(release);
        ack.running.iter().all(named) && ack.draining.is_empty()
    }
}
