//! How often, at most.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::{later, until};

/// How many attempts a minute, and how many of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Attempts a minute, 1 to 60 000 000.
    pub per_minute: u32,
    /// How many may come together after a quiet time, 1 to `per_minute`.
    pub burst: u32,
}

impl Rate {
    /// So many a minute, and a tenth of them at once.
    #[must_use]
    pub fn per_minute(per_minute: u32) -> Self {
        Self {
            per_minute,
            burst: (per_minute / 10).max(1),
        }
    }

    fn interval(self) -> Duration {
        Duration::from_secs(60) / self.per_minute.max(1)
    }
}

/// The generic cell rate algorithm (ITU-T I.371): one time, which runs ahead of the clock by what has been used.
///
/// Own, because the rate of an endpoint changes while it runs and time is told: that is all there is to it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gate {
    paid_until: Option<Timestamp>,
}

impl Gate {
    /// Takes one, or says how long it is until there is one.
    pub(super) fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        let interval = rate.interval();
        let allowance = interval * rate.burst.max(1);
        let start = self.paid_until.map_or(now, |paid| paid.max(now));
        // Never further ahead than it can get by itself: a clock that was set back does not stop an endpoint.
        let used = until(start, now).min(allowance);
        self.paid_until = Some(later(now, used));
        match (used + interval).checked_sub(allowance) {
            None | Some(Duration::ZERO) => {
                self.paid_until = Some(later(now, used + interval));
                Ok(())
            }
            Some(wait) => Err(wait),
        }
    }
}
