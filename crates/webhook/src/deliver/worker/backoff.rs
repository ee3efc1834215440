//! How long to leave a store alone that fails.

use std::time::Duration;

use polywire_core::Error;
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
        if self.failures > 0 {
            tracing::info!(
                failures = self.failures,
                "the store of webhook deliveries answers again"
            );
        }
        *self = Self::default();
    }

    /// How long to wait after one more failure. Only the first one is told to operators: what fails once a store is gone
    /// fails again and again.
    pub(super) fn failed(&mut self, what: &'static str, error: &Error) -> Duration {
        let longest = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        let wait = longest.mul_f64(rand::rng().random_range(0.5..1.0));
        if self.failures == 0 {
            tracing::warn!(%error, ?wait, "{what}; trying again until it can be");
        } else {
            tracing::debug!(%error, ?wait, "{what}");
        }
        self.failures = self.failures.saturating_add(1);
        self.until = Some(Instant::now() + wait);
        wait
    }
}
