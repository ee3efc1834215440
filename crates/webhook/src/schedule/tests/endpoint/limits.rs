//! What an endpoint may be given.

use super::secs;
use crate::schedule::*;

#[test]
fn limits_have_bounds() {
    let error = |change: fn(&mut EndpointLimits)| {
        let mut limits = EndpointLimits::default();
        change(&mut limits);
        limits.check().unwrap_err().to_string()
    };
    assert_eq!(
        error(|limits| limits.concurrency = 0),
        "concurrency of an endpoint is 0: expected 1 to 1000"
    );
    assert_eq!(
        error(|limits| limits.rate = Some(Rate {
            per_minute: 5,
            burst: 6
        })),
        "burst of an endpoint is 6: expected 1 to as many as a minute has"
    );
    assert_eq!(
        error(|limits| limits.circuit.max_cooldown = secs(1)),
        "max_cooldown of an endpoint is 1s: expected cooldown to 24 h"
    );
    assert_eq!(
        error(|limits| limits.disable_after = secs(1)),
        "disable_after of an endpoint is 1s: expected an hour to a year"
    );
}
