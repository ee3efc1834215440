//! When a delivery is tried again.

use std::time::Duration;

use super::retry_after::MAX_RETRY_AFTER;

/// The waits between the attempts of one delivery.
///
/// The default is that of Standard Webhooks: 5 s, 30 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, so eleven
/// attempts within 75 h 35 min 35 s, each wait varied by 20 % so that what failed together is not tried together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPlan {
    steps: Vec<Duration>,
    jitter: u8,
}

/// Why a plan cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// It has too many waits.
    #[error(
        "{found} waits between attempts: expected at most {}",
        RetryPlan::MAX_STEPS
    )]
    TooMany {
        /// How many it has.
        found: usize,
    },
    /// A wait is out of bounds.
    #[error("a wait of {found:?} between attempts: expected 1 s to 7 days")]
    Step {
        /// The wait.
        found: Duration,
    },
    /// The variation is out of bounds.
    #[error("a variation of {found} %: expected 0 to 50")]
    Jitter {
        /// The variation, in percent.
        found: u8,
    },
}

impl RetryPlan {
    /// The most waits.
    pub const MAX_STEPS: usize = 50;
    /// The longest wait.
    pub const MAX_STEP: Duration = Duration::from_secs(7 * 24 * 3600);
    /// The largest variation, in percent.
    pub const MAX_JITTER: u8 = 50;

    /// A plan of waits, each varied by up to `jitter` percent in either direction. Without a wait there is one attempt.
    ///
    /// # Errors
    /// When there are too many waits, one is shorter than a second or longer than [`MAX_STEP`](Self::MAX_STEP), or the
    /// variation is more than [`MAX_JITTER`](Self::MAX_JITTER).
    pub fn new(steps: impl Into<Vec<Duration>>, jitter: u8) -> Result<Self, PlanError> {
        let steps = steps.into();
        if steps.len() > Self::MAX_STEPS {
            return Err(PlanError::TooMany { found: steps.len() });
        }
        let bounds = Duration::from_secs(1)..=Self::MAX_STEP;
        if let Some(found) = steps.iter().find(|step| !bounds.contains(step)) {
            return Err(PlanError::Step { found: *found });
        }
        if jitter > Self::MAX_JITTER {
            return Err(PlanError::Jitter { found: jitter });
        }
        Ok(Self { steps, jitter })
    }

    /// How many attempts there are at most, the first one included.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        u32::try_from(self.steps.len()).map_or(u32::MAX, |steps| steps + 1)
    }

    /// The longest time from the first attempt to the last, when no endpoint asks for more: how long a consumer must
    /// remember what it has seen.
    #[must_use]
    pub fn horizon(&self) -> Duration {
        self.steps
            .iter()
            .map(|step| step.mul_f64(1.0 + self.share()))
            .sum()
    }

    /// How long to wait after attempt number `attempt`, counted from 1, has failed; `None` when it was the last.
    ///
    /// `asked` is what the endpoint asked for, of which [`MAX_RETRY_AFTER`] is honoured: the wait is never shorter, and
    /// up to a minute longer. `random` is evenly distributed from 0 to 1.
    #[must_use]
    pub fn wait(&self, attempt: u32, asked: Option<Duration>, random: f64) -> Option<Duration> {
        let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
        let step = self.steps.get(index)?;
        let random = if random.is_finite() {
            random.clamp(0.0, 1.0)
        } else {
            0.5
        };
        let own = step.mul_f64(1.0 + self.share() * (2.0 * random - 1.0));
        let Some(asked) = asked else {
            return Some(own);
        };
        let asked = asked.min(MAX_RETRY_AFTER);
        let spread = asked.mul_f64(self.share()).min(Duration::from_secs(60));
        Some(own.max(asked + spread.mul_f64(random)))
    }

    fn share(&self) -> f64 {
        f64::from(self.jitter) / 100.0
    }
}

impl Default for RetryPlan {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        let steps = [
            5,
            30,
            5 * MINUTE,
            30 * MINUTE,
            2 * HOUR,
            5 * HOUR,
            10 * HOUR,
            14 * HOUR,
            20 * HOUR,
            24 * HOUR,
        ];
        Self {
            steps: steps.map(Duration::from_secs).to_vec(),
            jitter: 20,
        }
    }
}
