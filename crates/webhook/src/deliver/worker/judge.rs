//! What becomes of a delivery after an attempt.

use crate::record::{Delivery, Fate};
use crate::schedule::{Answer, Meaning, RetryPlan};

/// What an answer makes of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) fate: Fate,
    /// Whether an operator is told that it was given up.
    pub(super) exhausted: bool,
}

/// Whether a delivery only shows how another version would be taken.
pub(super) fn is_shadow(delivery: &Delivery) -> bool {
    delivery.headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("contract-shadow") && value.eq_ignore_ascii_case("true")
    })
}

/// `random` is evenly distributed from 0 to 1.
pub(super) fn judge(
    answer: &Answer,
    delivery: &Delivery,
    plan: &RetryPlan,
    random: f64,
) -> Verdict {
    let meaning = answer.meaning();
    if meaning != Meaning::Accepted && is_shadow(delivery) {
        let reason = format!("{answer} to a shadow, which is not tried again");
        return Verdict {
            fate: Fate::Dead { reason },
            exhausted: false,
        };
    }
    let reason = answer.to_string();
    let (fate, exhausted) = match meaning {
        Meaning::Accepted => (Fate::Done, false),
        Meaning::Gone | Meaning::VersionMismatch => (Fate::Park { reason }, false),
        Meaning::Permanent => (Fate::Dead { reason }, true),
        Meaning::Retry | Meaning::Throttle => {
            match plan.wait(delivery.attempts, answer.asked(), random) {
                Some(after) => (Fate::Retry { after, reason }, false),
                None => {
                    let reason = format!("{reason} to attempt {}, the last", delivery.attempts);
                    (Fate::Dead { reason }, true)
                }
            }
        }
    };
    Verdict { fate, exhausted }
}
