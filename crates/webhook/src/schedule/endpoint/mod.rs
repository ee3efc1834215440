//! One endpoint: how much it is given now, and whether it is given anything.

mod circuit;
mod limits;
mod rate;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use limits::{CircuitLimits, EndpointLimits, LimitsError};
pub use rate::Rate;

use super::answer::{Answer, Meaning};
use super::retry_after::MAX_RETRY_AFTER;
use crate::clock::{later, until};
use circuit::{Circuit, Passage};
use rate::Gate;

/// What of an endpoint outlives the process; it is kept with the subscription and changes rarely.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Standing {
    /// The first failure since the last success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Until when the endpoint asked to be left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// Why nothing is sent any more, until an operator or the subscriber says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stop>,
}

/// Why nothing is sent to an endpoint any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// It has failed for [`EndpointLimits::disable_after`] without a success.
    Failing,
    /// It said that it is gone.
    Gone,
}

/// Whether an attempt may start.
#[derive(Debug)]
pub enum Admit {
    /// It may; the permit goes back with what came of it.
    Go(Permit),
    /// Not before so long.
    Wait(Duration),
    /// Not before one that is under way has ended.
    Busy,
    /// Not at all.
    Stopped(Stop),
}

/// The right to one attempt, which must be given back with [`Endpoint::settle`] or [`Endpoint::abandon`].
#[derive(Debug)]
#[must_use = "a permit that is not given back is never available again"]
pub struct Permit {
    probe: bool,
}

impl Permit {
    /// Whether it was for a probe.
    fn spend(self) -> bool {
        self.probe
    }
}

/// What an operator is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// It failed so often that it is left alone for a while.
    Opened,
    /// It works again.
    Recovered,
    /// Nothing is sent any more.
    Stopped(Stop),
}

/// What an answer changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// What an operator is told of.
    pub change: Option<Change>,
    /// Whether [`Endpoint::standing`] must be written down.
    pub durable: bool,
}

/// What is known of one endpoint. It is told the time, holds no lock and does nothing by itself.
#[derive(Debug)]
pub struct Endpoint {
    limits: EndpointLimits,
    standing: Standing,
    in_flight: u32,
    gate: Gate,
    circuit: Circuit,
}

impl Endpoint {
    /// An endpoint within limits, which [`EndpointLimits::check`] has checked, as it stood when it was last written down.
    #[must_use]
    pub fn new(limits: EndpointLimits, standing: Standing) -> Self {
        Self {
            limits,
            standing,
            in_flight: 0,
            gate: Gate::default(),
            circuit: Circuit::new(),
        }
    }

    /// What outlives the process.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// How many attempts are under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Takes other limits; what is under way goes on.
    pub fn limit(&mut self, limits: EndpointLimits) {
        self.limits = limits;
    }

    /// Starts anew after an operator or the subscriber said so.
    pub fn resume(&mut self) {
        self.standing = Standing::default();
        self.circuit = Circuit::new();
    }

    /// Takes how it was written down to stand, perhaps by another worker or an operator. One that is not stopped any more
    /// starts anew; what is under way goes on.
    pub fn restore(&mut self, standing: Standing) {
        if self.standing.stopped.is_some() && standing.stopped.is_none() {
            self.circuit = Circuit::new();
        }
        self.standing = standing;
    }

    /// Whether an attempt may start now.
    pub fn admit(&mut self, now: Timestamp) -> Admit {
        if let Some(stop) = self.standing.stopped {
            return Admit::Stopped(stop);
        }
        if let Some(held) = self.standing.held_until {
            match until(held, now) {
                Duration::ZERO => self.standing.held_until = None,
                wait => {
                    // Longer only when the clock was set back.
                    let wait = wait.min(MAX_RETRY_AFTER);
                    self.standing.held_until = Some(later(now, wait));
                    return Admit::Wait(wait);
                }
            }
        }
        let probe = match self.circuit.passage(now) {
            Passage::Free => false,
            Passage::Probe => true,
            Passage::Wait(wait) => return Admit::Wait(wait),
            Passage::Busy => return Admit::Busy,
        };
        if self.in_flight >= self.limits.concurrency {
            return Admit::Busy;
        }
        if let Some(rate) = self.limits.rate
            && let Err(wait) = self.gate.take(rate, now)
        {
            return Admit::Wait(wait);
        }
        if probe {
            self.circuit.probe();
        }
        self.in_flight += 1;
        Admit::Go(Permit { probe })
    }

    /// Gives a permit back with what came of the attempt.
    pub fn settle(&mut self, permit: Permit, answer: &Answer, now: Timestamp) -> Settled {
        let probe = permit.spend();
        self.in_flight = self.in_flight.saturating_sub(1);
        match answer.meaning() {
            Meaning::Accepted => self.succeeded(probe),
            Meaning::Gone => self.stop(Stop::Gone),
            // It works, and what it does not take is no failure of it.
            Meaning::VersionMismatch => Settled {
                change: self.circuit.succeeded(probe).then_some(Change::Recovered),
                durable: false,
            },
            Meaning::Retry | Meaning::Permanent => self.failed(probe, now),
            Meaning::Throttle => {
                let hold = answer.asked().unwrap_or(self.limits.hold);
                let held = later(now, hold.min(MAX_RETRY_AFTER));
                let held = self
                    .standing
                    .held_until
                    .map_or(held, |before| before.max(held));
                self.standing.held_until = Some(held);
                let settled = self.failed(probe, now);
                Settled {
                    durable: true,
                    ..settled
                }
            }
        }
    }

    /// Gives a permit back whose attempt was not made.
    pub fn abandon(&mut self, permit: Permit, now: Timestamp) {
        let probe = permit.spend();
        self.in_flight = self.in_flight.saturating_sub(1);
        if probe {
            self.circuit.abandoned(now);
        }
    }

    fn succeeded(&mut self, probe: bool) -> Settled {
        let recovered = self.circuit.succeeded(probe);
        Settled {
            change: recovered.then_some(Change::Recovered),
            durable: self.standing.failing_since.take().is_some(),
        }
    }

    fn failed(&mut self, probe: bool, now: Timestamp) -> Settled {
        let first = self.standing.failing_since.is_none();
        let since = *self.standing.failing_since.get_or_insert(now);
        if until(now, since) >= self.limits.disable_after {
            return self.stop(Stop::Failing);
        }
        let opened = self.circuit.failed(probe, &self.limits.circuit, now);
        Settled {
            change: opened.then_some(Change::Opened),
            durable: first,
        }
    }

    fn stop(&mut self, stop: Stop) -> Settled {
        if self.standing.stopped.is_some() {
            return Settled::default();
        }
        self.standing.stopped = Some(stop);
        Settled {
            change: Some(Change::Stopped(stop)),
            durable: true,
        }
    }
}
