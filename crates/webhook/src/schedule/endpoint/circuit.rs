//! Whether an endpoint that keeps failing is asked at all.

use std::time::Duration;

use jiff::Timestamp;

use super::CircuitLimits;
use crate::clock::{later, until};

#[derive(Clone, Copy, Debug)]
pub(super) struct Circuit {
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Timestamp,
        cooldown: Duration,
    },
    /// One attempt is out to see.
    Probing {
        cooldown: Duration,
    },
}

/// What the circuit lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    Free,
    Probe,
    Wait(Duration),
    /// Until the probe is back.
    Busy,
}

impl Circuit {
    pub(super) fn new() -> Self {
        Self {
            state: State::Closed { failures: 0 },
        }
    }

    pub(super) fn passage(&mut self, now: Timestamp) -> Passage {
        match &mut self.state {
            State::Closed { .. } => Passage::Free,
            State::Probing { .. } => Passage::Busy,
            State::Open {
                until: time,
                cooldown,
            } => match until(*time, now) {
                Duration::ZERO => Passage::Probe,
                wait => {
                    // Longer only when the clock was set back.
                    let wait = wait.min(*cooldown);
                    *time = later(now, wait);
                    Passage::Wait(wait)
                }
            },
        }
    }

    pub(super) fn probe(&mut self) {
        if let State::Open { cooldown, .. } = self.state {
            self.state = State::Probing { cooldown };
        }
    }

    /// `true` when this closes it.
    pub(super) fn succeeded(&mut self, probe: bool) -> bool {
        let opened = !matches!(self.state, State::Closed { .. });
        if opened && !probe {
            return false;
        }
        self.state = State::Closed { failures: 0 };
        opened
    }

    /// `true` when this opens it, for the first time since it was closed.
    pub(super) fn failed(&mut self, probe: bool, limits: &CircuitLimits, now: Timestamp) -> bool {
        match self.state {
            State::Closed { failures } if failures + 1 < limits.failures => {
                self.state = State::Closed {
                    failures: failures + 1,
                };
                false
            }
            State::Closed { .. } => {
                self.open(limits.cooldown, now);
                true
            }
            State::Probing { cooldown } if probe => {
                self.open((cooldown * 2).min(limits.max_cooldown), now);
                false
            }
            State::Probing { .. } | State::Open { .. } => false,
        }
    }

    /// The probe was not sent after all: the next one may be.
    pub(super) fn abandoned(&mut self, now: Timestamp) {
        if let State::Probing { cooldown } = self.state {
            self.state = State::Open {
                until: now,
                cooldown,
            };
        }
    }

    fn open(&mut self, cooldown: Duration, now: Timestamp) {
        self.state = State::Open {
            until: later(now, cooldown),
            cooldown,
        };
    }
}
