//! Rolling deployments: one replica refuses what another offers, and the session finds the other one.

use std::time::Duration;

use polywire_contract::Retry;
use rand::RngExt;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Session;
use crate::error::{Dispatched, Error, ErrorKind, Result};
use crate::message::Message;

/// The first pause before another replica is tried; it doubles, with jitter.
const SKEW_PAUSE: Duration = Duration::from_millis(5);

impl Session {
    /// Tries, and tries other replicas while a deployment is under way, until the deadline.
    pub(super) async fn persist<T, F>(
        &self,
        mut message: Message,
        deadline: Option<Instant>,
        attempt: impl Fn(Message) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let deadline = deadline.unwrap_or_else(|| crate::options::after(self.inner.policy.timeout));
        let mut refusals = Vec::new();
        loop {
            let error = match timeout_at(deadline, attempt(message.clone())).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(error)) => error,
                Err(_) => {
                    return Err(Error::new(
                        ErrorKind::DeadlineExceeded,
                        "no answer before the deadline; the handler may have run",
                    ));
                }
            };
            let Some(no_match) = error.no_match() else {
                return Err(error);
            };
            let skew = self
                .inner
                .history
                .note_refusal(no_match, &self.inner.requirement);
            let instance = no_match.instance.clone();
            let exhausted = message.head.attempt > self.inner.policy.skew_retries;
            // Without a sign of another replica, one more try finds out whether there is one.
            let alone = !skew && (instance.is_none() || refusals.contains(&instance));
            let other_replica =
                error.retry() == Retry::OtherReplica && error.dispatched() == Dispatched::No;
            if !other_replica || alone || exhausted {
                return Err(settle_refusal(error, &refusals, instance));
            }
            refusals.push(instance);
            let pause = SKEW_PAUSE * 2_u32.pow(message.head.attempt.min(6) - 1);
            let until = Instant::now() + pause.mul_f64(rand::rng().random_range(0.5..1.5));
            if until >= deadline {
                return Err(error);
            }
            sleep_until(until).await;
            message.head.attempt += 1;
        }
    }
}

/// The refusal after other replicas were tried: it names them, and says to come back later.
fn settle_refusal(error: Error, refusals: &[Option<String>], last: Option<String>) -> Error {
    if refusals.is_empty() {
        return error;
    }
    let mut instances: Vec<String> = refusals.iter().cloned().chain([last]).flatten().collect();
    instances.sort();
    instances.dedup();
    error
        .retry_as(Retry::Later)
        .with("refused by", instances.join(", "))
}
