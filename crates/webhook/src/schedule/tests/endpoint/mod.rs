//! Endpoints.

mod limits;
mod whatever;

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, ManualClock, later};
use crate::schedule::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn status(code: u16) -> Answer {
    Answer::Status {
        code,
        retry_after: None,
    }
}

struct World {
    clock: ManualClock,
    endpoint: Endpoint,
}

impl World {
    fn new(limits: EndpointLimits) -> Self {
        limits.check().unwrap();
        Self {
            clock: ManualClock::at(start()),
            endpoint: Endpoint::new(limits, Standing::default()),
        }
    }

    fn admit(&mut self) -> Admit {
        self.endpoint.admit(self.clock.now())
    }

    fn permit(&mut self) -> Permit {
        match self.admit() {
            Admit::Go(permit) => permit,
            other => panic!("{other:?}"),
        }
    }

    fn settle(&mut self, permit: Permit, answer: Answer) -> Settled {
        self.endpoint.settle(permit, &answer, self.clock.now())
    }

    fn attempt(&mut self, answer: Answer) -> Settled {
        let permit = self.permit();
        self.settle(permit, answer)
    }

    #[track_caller]
    fn waits(&mut self, seconds: u64) {
        match self.admit() {
            Admit::Wait(wait) => assert_eq!(wait, secs(seconds)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn so_many_at_once_and_no_more() {
    let mut world = World::new(EndpointLimits {
        concurrency: 2,
        ..EndpointLimits::default()
    });
    let (first, second) = (world.permit(), world.permit());
    assert!(matches!(world.admit(), Admit::Busy));
    world.settle(first, status(200));
    let third = world.permit();
    world.endpoint.abandon(second, start());
    world.endpoint.abandon(third, start());
    assert_eq!(world.endpoint.in_flight(), 0);
}

#[test]
fn a_rate_lets_a_burst_pass_and_then_one_after_the_other() {
    let rate = Rate {
        per_minute: 60,
        burst: 3,
    };
    let mut world = World::new(EndpointLimits {
        rate: Some(rate),
        ..EndpointLimits::default()
    });
    for _ in 0..3 {
        world.attempt(status(200));
    }
    world.waits(1);
    world.clock.advance(secs(1));
    world.attempt(status(200));
    world.waits(1);
    world.clock.advance(secs(100));
    for _ in 0..3 {
        world.attempt(status(200));
    }
    world.waits(1);
    let slower = Rate {
        per_minute: 1,
        burst: 1,
    };
    world.endpoint.limit(EndpointLimits {
        rate: Some(slower),
        ..EndpointLimits::default()
    });
    world.clock.advance(secs(60));
    world.attempt(status(200));
    world.waits(60);
    assert_eq!(
        Rate::per_minute(600),
        Rate {
            per_minute: 600,
            burst: 60
        }
    );
}

#[test]
fn failures_in_a_row_open_the_circuit_and_one_probe_closes_it() {
    let circuit = CircuitLimits {
        failures: 3,
        cooldown: secs(30),
        max_cooldown: secs(100),
    };
    let mut world = World::new(EndpointLimits {
        circuit,
        ..EndpointLimits::default()
    });
    assert!(
        world.attempt(status(500)).durable,
        "since when it fails is written down"
    );
    assert_eq!(
        world.attempt(Answer::Failed(Failure::Timeout)),
        Settled::default()
    );
    assert_eq!(
        world.attempt(status(200)),
        Settled {
            change: None,
            durable: true
        }
    );
    let late = world.permit();
    let later = world.permit();
    world.attempt(status(500));
    world.attempt(status(500));
    assert_eq!(world.attempt(status(500)).change, Some(Change::Opened));
    // Those that were under way say nothing about now.
    assert_eq!(world.settle(late, status(500)).change, None);
    assert_eq!(world.settle(later, status(200)).change, None);
    for cooldown in [30, 60, 100, 100] {
        world.waits(cooldown);
        world.clock.advance(secs(cooldown));
        let probe = world.permit();
        assert!(matches!(world.admit(), Admit::Busy), "one probe at a time");
        assert_eq!(world.settle(probe, status(500)).change, None);
    }
    world.clock.advance(secs(100));
    let unsent = world.permit();
    world.endpoint.abandon(unsent, world.clock.now());
    assert_eq!(world.attempt(status(204)).change, Some(Change::Recovered));
    world.attempt(status(500));
    assert!(matches!(world.admit(), Admit::Go(_)));
}

#[test]
fn throttling_holds_the_endpoint_as_long_as_it_asked() {
    let mut world = World::new(EndpointLimits::default());
    let (one, other) = (world.permit(), world.permit());
    let asked = Answer::Status {
        code: 429,
        retry_after: Some(secs(3600)),
    };
    assert!(world.settle(one, asked).durable);
    world.settle(other, status(503));
    world.waits(3600);
    assert_eq!(
        world.endpoint.standing().held_until,
        Some(later(start(), secs(3600)))
    );
    // As another process sees it.
    let mut other = Endpoint::new(EndpointLimits::default(), world.endpoint.standing().clone());
    assert!(matches!(other.admit(start()), Admit::Wait(_)));
    world.clock.advance(secs(3600));
    world.attempt(status(503));
    world.waits(5);
    world.clock.advance(secs(5));
    let error = Answer::Status {
        code: 500,
        retry_after: Some(secs(7)),
    };
    world.attempt(error);
    world.waits(7);
}

#[test]
fn gone_is_the_end() {
    let mut world = World::new(EndpointLimits::default());
    let under_way = world.permit();
    let stopped = Settled {
        change: Some(Change::Stopped(Stop::Gone)),
        durable: true,
    };
    assert_eq!(world.attempt(status(410)), stopped);
    assert!(matches!(world.admit(), Admit::Stopped(Stop::Gone)));
    assert_eq!(world.settle(under_way, status(410)), Settled::default());
    world.endpoint.resume();
    world.attempt(status(200));
}

#[test]
fn five_days_without_a_success_disable() {
    let mut world = World::new(EndpointLimits::default());
    world.attempt(status(500));
    world.clock.advance(DAY * 4);
    world.attempt(status(200));
    world.attempt(status(500));
    world.clock.advance(DAY * 5 - secs(1));
    // A restart forgets nothing that matters.
    let standing = serde_json::to_string(world.endpoint.standing()).unwrap();
    assert_eq!(standing, r#"{"failing_since":"2027-01-19T08:00:00Z"}"#);
    world.endpoint = Endpoint::new(
        EndpointLimits::default(),
        serde_json::from_str(&standing).unwrap(),
    );
    assert_eq!(world.attempt(status(404)).change, None);
    world.clock.advance(secs(1));
    let stopped = Settled {
        change: Some(Change::Stopped(Stop::Failing)),
        durable: true,
    };
    assert_eq!(world.attempt(status(302)), stopped);
    assert!(matches!(world.admit(), Admit::Stopped(Stop::Failing)));
}

#[test]
fn a_version_that_is_not_understood_is_no_failure() {
    let circuit = CircuitLimits {
        failures: 1,
        ..CircuitLimits::default()
    };
    let mut world = World::new(EndpointLimits {
        circuit,
        ..EndpointLimits::default()
    });
    assert_eq!(world.attempt(status(415)), Settled::default());
    assert_eq!(world.attempt(status(501)).change, Some(Change::Opened));
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_an_endpoint_for_long() {
    let circuit = CircuitLimits {
        failures: 2,
        ..CircuitLimits::default()
    };
    let rate = Some(Rate {
        per_minute: 60,
        burst: 1,
    });
    let mut world = World::new(EndpointLimits {
        circuit,
        rate,
        ..EndpointLimits::default()
    });
    world.attempt(status(500));
    world.clock = ManualClock::at(later(Timestamp::UNIX_EPOCH, DAY));
    world.waits(1);
    world.clock.advance(secs(60));
    world.attempt(status(500));
    world.clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    world.waits(30);
    world.clock.advance(secs(30));
    world.waits(1);
    world.clock.advance(secs(1));
    assert!(matches!(world.admit(), Admit::Go(_)));
}
