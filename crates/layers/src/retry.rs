//! Sending again, where that cannot do something twice.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use polywire_core::contract::Retry as RetryClass;
use polywire_core::{
    Channel, Dispatched, Error, ErrorKind, Head, Kind, Message, Receipt, Reply, Result,
};
use tokio::time::{Instant, sleep_until};
use tower::retry::budget::{Budget, TpsBudget};

use crate::delegate::layer;

/// How often, how patiently and how much in all [`Retry`] sends again.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// How often one message is sent again at most; 0 turns retries off.
    pub max_retries: u32,
    /// The pause before the first retry. Each further one doubles, and each is lengthened at random by up to its own
    /// length, so that callers do not come back together.
    pub first_pause: Duration,
    /// The bound of the doubling, before the random part.
    pub longest_pause: Duration,
    /// How many retries are allowed per message sent in the last ten seconds, 0 to 1000; beyond it a message fails with
    /// its first error, so that retries cannot double the load of a provider that is down.
    pub budget_ratio: f32,
    /// How many retries per second are allowed whatever the ratio says, so that a quiet channel can retry at all.
    pub budget_per_second: u32,
}

impl Default for RetryPolicy {
    /// Two retries after 50 to 100 and 100 to 200 ms; one retry for five messages, and ten per second in any case.
    fn default() -> Self {
        Self {
            max_retries: 2,
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(2),
            budget_ratio: 0.2,
            budget_per_second: 10,
        }
    }
}

/// Sends a message again after an error that allows it, inside the message's deadline and the channel's budget.
///
/// Sent again is what failed with an error whose [`Error::retry`] is not `never`, and which either did not reach a
/// handler ([`Dispatched::No`]) or may be repeated: [`Head::is_repeatable`], or an event, which subscribers tell by its
/// id. [`Head::attempt`] counts up. The pause is at least what [`Error::wait`] asks for; when it does not fit before the
/// deadline, the error is returned at once.
///
/// Left alone are a refusal of the version, whose retries belong to [`polywire_core::Session`] because it knows what
/// other replicas offered, and [`ErrorKind::Closed`], because a closed channel stays closed.
///
/// Wrong: one `Retry` around another, or around a transport that retries by itself: attempts multiply. Right: one per
/// channel, shared by all its clients, so that they share the budget.
pub struct Retry {
    inner: Arc<dyn Channel>,
    policy: RetryPolicy,
    budget: TpsBudget,
}

impl Retry {
    /// How long a message counts for the budget.
    const WINDOW: Duration = Duration::from_secs(10);
    const MAX_PER_SECOND: u32 = 1_000_000;

    /// A channel that retries. Budget figures out of range are brought into it.
    #[must_use]
    pub fn new(inner: Arc<dyn Channel>, policy: RetryPolicy) -> Self {
        let ratio = if policy.budget_ratio.is_finite() {
            policy.budget_ratio.clamp(0.0, 1000.0)
        } else {
            0.0
        };
        let budget = TpsBudget::new(
            Self::WINDOW,
            policy.budget_per_second.min(Self::MAX_PER_SECOND),
            ratio,
        );
        Self {
            inner,
            policy,
            budget,
        }
    }

    async fn persist<T, F>(
        &self,
        mut message: Message,
        attempt: impl Fn(Message) -> F + Send + Sync,
    ) -> Result<T>
    where
        T: Send,
        F: Future<Output = Result<T>> + Send,
    {
        self.budget.deposit();
        let mut pauses = None;
        for _ in 0..self.policy.max_retries {
            let error = match attempt(message.clone()).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if !may_repeat(&error, &message.head) {
                return Err(attempted(error, message.head.attempt));
            }
            let pause = pauses
                .get_or_insert_with(|| self.pauses())
                .next()
                .unwrap_or(self.policy.longest_pause);
            let pause = error
                .wait()
                .map_or(pause, |asked| asked.saturating_add(pause));
            let Some(until) = Instant::now().checked_add(pause) else {
                return Err(attempted(error, message.head.attempt));
            };
            if message
                .head
                .deadline
                .is_some_and(|deadline| until >= deadline)
            {
                return Err(attempted(error, message.head.attempt));
            }
            if !self.budget.withdraw() {
                return Err(attempted(error, message.head.attempt).with("retry budget", "spent"));
            }
            let Head {
                contract,
                interaction,
                attempt,
                ..
            } = &*message.head;
            tracing::debug!(%contract, %interaction, attempt, ?pause, %error, "sending again");
            sleep_until(until).await;
            message.head.attempt = message.head.attempt.saturating_add(1);
        }
        let attempts = message.head.attempt;
        attempt(message)
            .await
            .map_err(|error| attempted(error, attempts))
    }

    fn pauses(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        ExponentialBuilder::new()
            .with_min_delay(self.policy.first_pause)
            .with_max_delay(self.policy.longest_pause)
            .without_max_times()
            .with_jitter()
            .build()
    }
}

fn may_repeat(error: &Error, head: &Head) -> bool {
    let elsewhere = error.no_match().is_some()
        || matches!(error.kind(), ErrorKind::NoMatch | ErrorKind::Closed);
    let harmless =
        error.dispatched() == Dispatched::No || head.is_repeatable() || head.kind == Kind::Event;
    !elsewhere && error.retry() != RetryClass::Never && harmless
}

/// The error with how often the message was sent, once that is more than once.
fn attempted(error: Error, attempts: u32) -> Error {
    if attempts > 1 {
        error.with("attempts", attempts)
    } else {
        error
    }
}

layer!(Retry {
    async fn call(&self, message: Message) -> Result<Reply> {
        self.persist(message, |message| self.inner.call(message)).await
    }

    async fn send(&self, message: Message) -> Result<Receipt> {
        self.persist(message, |message| self.inner.send(message)).await
    }

    async fn publish(&self, message: Message) -> Result<Receipt> {
        self.persist(message, |message| self.inner.publish(message)).await
    }
});

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("inner", &self.inner)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
