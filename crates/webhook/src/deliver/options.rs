//! How much a worker does at once, and how long it waits.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use polywire_core::{Error, ErrorKind, Result};

use super::sender::SendLimits;
use crate::clock::{Clock, SystemClock};
use crate::schedule::{EndpointLimits, RetryPlan};
use crate::store::{MAX_BATCH, MAX_BODY, Of};

/// How a [`Deliverer`](super::Deliverer) works.
#[derive(Clone, Debug)]
pub struct DeliverOptions {
    /// How many attempts are under way at once, over all endpoints: 1 to 10 000, by default 512.
    pub concurrency: usize,
    /// What one endpoint is given, unless its subscription asks for another rate.
    pub endpoint: EndpointLimits,
    /// When a delivery is tried again.
    pub retries: RetryPlan,
    /// What one attempt may take: its deadline is 100 ms to 10 min.
    pub send: SendLimits,
    /// For how long deliveries are leased, 1 s to 1 h, by default 60 s. Leases are prolonged after a third of it; this is how
    /// long those of a worker that died are in nobody's hands.
    pub lease: Duration,
    /// How many are leased at once, 1 to 1000, by default 256.
    pub batch: usize,
    /// How many of one subscription are leased at once, ahead of their attempts: 1 to 1000, by default 32. Four times as many
    /// while no more than half of `concurrency` is leased of all of them together.
    pub ahead: usize,
    /// How many bytes of bodies are leased ahead, 1 MiB or more, by default 64 MiB. It is exceeded by one batch, when bodies
    /// suddenly are larger than before.
    pub bytes: usize,
    /// How many endpoints are remembered, 1 to [`Of::MAX`], all of them by default. What is forgotten of an endpoint is its
    /// circuit and its rate, not whether it is stopped or held.
    pub endpoints: usize,
    /// How often the store is asked although nobody said that there is something: 1 ms to 1 min, by default 1 s. What this
    /// worker will have to try again it asks for in time.
    pub poll: Duration,
    /// How long a subscription's terms are used before they are read again, up to 1 min, by default 1 s.
    pub refresh: Duration,
    /// How long what came of attempts is gathered before it is settled together, up to 1 s, by default 2 ms.
    pub gather: Duration,
    /// How long an end waits for a store that cannot be reached, by default 30 s; the leases then run out.
    pub grace: Duration,
    /// `webhook-request-origin`, which the sink was asked whether it allows (CloudEvents HTTP webhook 1.0 section 3).
    pub origin: Option<String>,
    /// `user-agent`.
    pub user_agent: String,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl DeliverOptions {
    /// Checks the bounds.
    ///
    /// # Errors
    /// `Config`, with the first option that is out of them.
    pub fn check(&self) -> Result<()> {
        const MINUTE: Duration = Duration::from_secs(60);
        const MILLI: Duration = Duration::from_millis(1);
        let wrong = |text: String| Err(Error::new(ErrorKind::Config, text));
        let numbers = [
            ("concurrency", self.concurrency, 1..=10_000),
            ("batch", self.batch, 1..=MAX_BATCH),
            ("ahead", self.ahead, 1..=MAX_BATCH),
            ("bytes", self.bytes, 1024 * 1024..=1 << 40),
            ("endpoints", self.endpoints, 1..=Of::MAX),
            ("send.body", self.send.body, 0..=MAX_BODY),
        ];
        for (name, found, valid) in numbers {
            if !valid.contains(&found) {
                let [least, most] = [valid.start(), valid.end()];
                return wrong(format!(
                    "{name} of webhook deliveries is {found}: expected {least} to {most}"
                ));
            }
        }
        let times = [
            ("lease", self.lease, MILLI * 1000..=MINUTE * 60),
            ("poll", self.poll, MILLI..=MINUTE),
            ("refresh", self.refresh, Duration::ZERO..=MINUTE),
            ("gather", self.gather, Duration::ZERO..=MILLI * 1000),
            ("grace", self.grace, Duration::ZERO..=MINUTE * 10),
            (
                "send.deadline",
                self.send.deadline,
                MILLI * 100..=MINUTE * 10,
            ),
        ];
        for (name, found, valid) in times {
            if !valid.contains(&found) {
                let [least, most] = [valid.start(), valid.end()];
                return wrong(format!(
                    "{name} of webhook deliveries is {found:?}: expected {least:?} to {most:?}"
                ));
            }
        }
        let texts = [
            ("origin", self.origin.as_deref()),
            ("user_agent", Some(self.user_agent.as_str())),
        ];
        for (name, text) in texts {
            if text.is_some_and(|text| text.is_empty() || HeaderValue::from_str(text).is_err()) {
                return wrong(format!(
                    "{name} of webhook deliveries is no value of a header: expected visible ASCII"
                ));
            }
        }
        self.endpoint
            .check()
            .map_err(|error| Error::new(ErrorKind::Config, error.to_string()))
    }
}

impl Default for DeliverOptions {
    fn default() -> Self {
        Self {
            concurrency: 512,
            endpoint: EndpointLimits::default(),
            retries: RetryPlan::default(),
            send: SendLimits::default(),
            lease: Duration::from_secs(60),
            batch: 256,
            ahead: 32,
            bytes: 64 * 1024 * 1024,
            endpoints: Of::MAX,
            poll: Duration::from_secs(1),
            refresh: Duration::from_secs(1),
            gather: Duration::from_millis(2),
            grace: Duration::from_secs(30),
            origin: None,
            user_agent: concat!("polywire-webhook/", env!("CARGO_PKG_VERSION")).to_owned(),
            clock: Arc::new(SystemClock),
        }
    }
}
