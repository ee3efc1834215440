//! What holds whatever happens.

use std::time::Duration;

use proptest::prelude::*;

use super::{World, secs, start};
use crate::clock::{Clock, later};
use crate::schedule::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Admit,
    Settle(usize, u16, Option<u64>),
    Abandon(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let codes = prop::sample::select(vec![200, 204, 302, 404, 415, 429, 500, 503]);
    let step = prop_oneof![
        4 => Just(Step::Admit),
        3 => (any::<usize>(), codes, prop::option::of(0..100_u64)).prop_map(|(which, code, after)| Step::Settle(which, code, after)),
        1 => any::<usize>().prop_map(Step::Abandon),
        1 => (0..200_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..300)
}

proptest! {
    #[test]
    fn whatever_happens_the_limits_hold(steps in steps(), concurrency in 1..5_u32, per_minute in 1..100_u32) {
        let rate = Rate::per_minute(per_minute);
        let limits = EndpointLimits { concurrency, rate: Some(rate), ..EndpointLimits::default() };
        let mut world = World::new(limits);
        let (mut permits, mut started) = (Vec::new(), Vec::new());
        let mut held = start();
        for step in steps {
            let now = world.clock.now();
            match step {
                Step::Admit => match world.admit() {
                    Admit::Go(permit) => {
                        prop_assert!(now >= held, "nothing while it is held");
                        permits.push(permit);
                        started.push(now);
                    }
                    Admit::Wait(wait) => prop_assert!(wait > Duration::ZERO && wait <= MAX_RETRY_AFTER),
                    Admit::Busy => prop_assert!(!permits.is_empty(), "somebody must end it"),
                    Admit::Stopped(_) => prop_assert!(false, "nothing stops it here"),
                },
                Step::Settle(which, code, after) if !permits.is_empty() => {
                    let answer = Answer::Status { code, retry_after: after.map(secs) };
                    if answer.meaning() == Meaning::Throttle {
                        held = held.max(later(now, after.map_or(secs(5), secs)));
                    }
                    let permit = permits.swap_remove(which % permits.len());
                    world.settle(permit, answer);
                }
                Step::Abandon(which) if !permits.is_empty() => {
                    let permit = permits.swap_remove(which % permits.len());
                    world.endpoint.abandon(permit, now);
                }
                Step::Pass(seconds) => world.clock.advance(secs(seconds)),
                Step::Settle(..) | Step::Abandon(_) => {}
            }
            prop_assert!(permits.len() <= concurrency as usize);
            prop_assert_eq!(world.endpoint.in_flight() as usize, permits.len());
        }
        for first in &started {
            let end = later(*first, secs(60));
            let within = started.iter().filter(|time| (*first..end).contains(time)).count();
            prop_assert!(within <= (rate.per_minute + rate.burst) as usize, "{within} within a minute");
        }
    }
}
