//! Rolling deployments: one replica refuses what another offers, and the session finds the other one.

use std::time::Duration;

use bytes::Bytes;
use polywire_contract::{Name, Retry};
use rand::RngExt;
use tokio::time::{Instant, sleep_until};

use super::Session;
use crate::deadline::until;
use crate::error::{Dispatched, Error, ErrorKind, Result};
use crate::message::{Kind, Message};
use crate::options::after;

/// The first pause before another replica is tried; it doubles, with jitter.
const SKEW_PAUSE: Duration = Duration::from_millis(5);

impl Session {
    /// Tries, and tries other replicas while a deployment is under way, until the deadline.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn holds what it is given twice"
    )]
    pub(super) fn persist<T, F>(
        &self,
        kind: Kind,
        interaction: &Name,
        body: Bytes,
        attempt: impl Fn(Message) -> F + Send,
    ) -> impl Future<Output = Result<T>> + Send
    where
        F: Future<Output = Result<T>> + Unpin + Send,
    {
        async move {
            let declared = self.inner.contract.find(interaction);
            self.check(declared, &body)?;
            let idempotent = declared.is_some_and(|declared| declared.idempotent);
            let mut head = self.head(kind, interaction, idempotent);
            let deadline = head
                .deadline
                .unwrap_or_else(|| after(self.inner.policy.timeout));
            // What a further attempt keeps; the rest of its head is made anew, as that is rare.
            let (id, trace) = (head.id.clone(), head.trace.clone());
            let mut refusals = Vec::new();
            loop {
                let number = head.attempt;
                let error = match until(deadline, attempt(Message::new(head, body.clone()))).await {
                    Some(Ok(done)) => return Ok(done),
                    Some(Err(error)) => error,
                    None => return Err(unanswered()),
                };
                if error.no_match().is_none() {
                    return Err(error);
                }
                // Boxed, as it is rare: the futures of calls stay small.
                Box::pin(self.wait_for_another(error, number, &mut refusals, deadline)).await?;
                head = self.head(kind, interaction, idempotent);
                (head.id, head.trace, head.deadline) = (id.clone(), trace.clone(), Some(deadline));
                head.attempt = number + 1;
            }
        }
    }

    /// Waits a moment after a refusal, when another replica may take what this one does not.
    ///
    /// # Errors
    /// The refusal, when no other replica may.
    async fn wait_for_another(
        &self,
        error: Error,
        number: u32,
        refusals: &mut Vec<Option<String>>,
        deadline: Instant,
    ) -> Result<()> {
        let Some(no_match) = error.no_match() else {
            return Err(error);
        };
        let skew = self
            .inner
            .history
            .note_refusal(no_match, &self.inner.requirement);
        let instance = no_match.instance.clone();
        let exhausted = number > self.inner.policy.skew_retries;
        // Without a sign of another replica, one more try finds out whether there is one.
        let alone = !skew && (instance.is_none() || refusals.contains(&instance));
        let other_replica =
            error.retry() == Retry::OtherReplica && error.dispatched() == Dispatched::No;
        if !other_replica || alone || exhausted {
            return Err(settle_refusal(error, refusals, instance));
        }
        refusals.push(instance);
        let pause = SKEW_PAUSE * 2_u32.pow(number.min(6) - 1);
        let next = Instant::now() + pause.mul_f64(rand::rng().random_range(0.5..1.5));
        if next >= deadline {
            return Err(error);
        }
        sleep_until(next).await;
        Ok(())
    }
}

fn unanswered() -> Error {
    Error::new(
        ErrorKind::DeadlineExceeded,
        "no answer before the deadline; the handler may have run",
    )
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
