//! What a store is told of what became of a message.

use std::time::Duration;

use polywire_core::{Bounds, Verdict};

use crate::record::Fate;

/// What became of a message.
pub(super) enum Outcome {
    /// Its member has said so.
    Verdict(Verdict),
    /// Its member dropped it.
    Returned,
    /// No member has had it.
    Unread,
    /// Nobody here can take it now: others may, and this process again after so long.
    Later(Duration),
}

impl Outcome {
    /// What becomes of a message after so many attempts, and after it came back unsettled so many times before.
    pub(super) fn fate(&self, bounds: &Bounds, attempts: u32, returns: u32) -> Fate {
        match self {
            Outcome::Verdict(Verdict::Ack) => Fate::Done,
            Outcome::Verdict(Verdict::Retry { after }) if attempts < bounds.max_attempts => {
                Fate::Retry {
                    after: at_least(after.unwrap_or_else(|| bounds.wait_after(attempts))),
                    reason: format!("attempt {attempts} of {} failed", bounds.max_attempts),
                }
            }
            Outcome::Verdict(Verdict::Retry { .. }) => dead(&format!(
                "failed on attempt {attempts} of {}",
                bounds.max_attempts
            )),
            Outcome::Verdict(Verdict::Reject { reason }) => dead(reason),
            Outcome::Verdict(Verdict::Park { reason }) => Fate::Park {
                reason: printable(reason),
            },
            Outcome::Returned if returns < bounds.max_returns => Fate::Release {
                after: Duration::ZERO,
            },
            Outcome::Returned => dead(&format!("came back unsettled {} times", returns + 1)),
            Outcome::Unread => Fate::Release {
                after: Duration::ZERO,
            },
            Outcome::Later(after) => Fate::Release { after: *after },
        }
    }
}

fn dead(reason: &str) -> Fate {
    Fate::Dead {
        reason: printable(reason),
    }
}

/// A reason as every store can keep it, whatever an application puts there.
pub(super) fn printable(reason: &str) -> String {
    reason.replace('\0', "\u{fffd}")
}

/// In whole milliseconds, as stores count, and one more: the store's millisecond may be about to end.
fn at_least(wait: Duration) -> Duration {
    let millis = u64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
    Duration::from_millis(millis.saturating_add(1))
}
