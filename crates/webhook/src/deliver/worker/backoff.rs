//! How long to leave a store alone that fails.

use std::time::Duration;

use rand::RngExt;
use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);

/// Waits that double from one failure to the next, each between its half and its whole.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// Until when to wait, when that has not passed.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until.filter(|until| Instant::now() < *until)
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// How long to wait after one more failure.
    pub(super) fn failed(&mut self) -> Duration {
        let longest = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let wait = longest.mul_f64(rand::rng().random_range(0.5..1.0));
        self.until = Some(Instant::now() + wait);
        wait
    }
}
