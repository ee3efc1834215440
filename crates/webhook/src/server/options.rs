//! How a provider takes subscriptions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use polywire_core::{Authenticator, Error, ErrorKind, Result};

use super::notice::{NoNotices, Notices};
use crate::clock::{Clock, SystemClock};

/// How a provider takes subscriptions, and what it publishes to them.
#[derive(Clone)]
pub struct ServerOptions {
    /// Verifies the tokens of subscribers; without one everybody is the tenant `anonymous`.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// The claim of the token that names the tenant; `sub` by default.
    pub tenant_claim: String,
    /// What this provider calls itself to sinks (`WebHook-Request-Origin`), such as `orders.example.com`.
    pub origin: String,
    /// How many subscriptions a tenant may have, 1000 by default.
    pub max_subscriptions: usize,
    /// How long a lease is that does not say, 10 days by default.
    pub lease: Duration,
    /// How long a lease may be, 30 days by default.
    pub max_lease: Duration,
    /// After how long a subscription goes whose sink has not consented, an hour by default; its lease bounds it too.
    pub pending: Duration,
    /// How long to wait between the attempts at a sink's consent: 1 s, 5 s and 30 s by default. At most 10.
    pub consent_retries: Vec<Duration>,
    /// How long after it was last asked a sink is not asked anew for the same subscription, 1 s by default: whoever
    /// subscribes cannot have somebody else's server asked without end.
    pub consent_pause: Duration,
    /// How long one attempt at it may take, 15 s by default.
    pub consent_deadline: Duration,
    /// How long an answer to an `Idempotency-Key` is kept, 24 hours by default.
    pub idempotency: Duration,
    /// How long after its commit an upgrade can be rolled back, 24 hours by default.
    pub rollback: Duration,
    /// How many messages published here are remembered for new subscriptions that ask for earlier ones, 1000 by default.
    pub recent: usize,
    /// How many bytes these may have, 16 MiB by default.
    pub recent_bytes: usize,
    /// How often another process's changes are looked for, a second by default; less often when reading all subscriptions
    /// takes longer than a tenth of it, and once a minute at least.
    pub poll: Duration,
    /// How often leases, deadlines and versions are looked at, 10 s by default.
    pub upkeep: Duration,
    /// For how long the bodies of accepted deliveries stay, a day by default: they can be fetched and replayed until then.
    pub keep_bodies: Duration,
    /// For how long accepted deliveries stay, 7 days by default: a duplicate is recognised until then.
    pub keep_done: Duration,
    /// For how long dead and parked deliveries stay, and subscriptions whose lease has ended: 30 days by default.
    pub keep_letters: Duration,
    /// Who is told.
    pub notices: Arc<dyn Notices>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            authenticator: None,
            tenant_claim: "sub".to_owned(),
            origin: "polywire".to_owned(),
            max_subscriptions: 1000,
            lease: 10 * DAY,
            max_lease: 30 * DAY,
            pending: Duration::from_secs(3600),
            consent_retries: [1, 5, 30].map(Duration::from_secs).to_vec(),
            consent_pause: Duration::from_secs(1),
            consent_deadline: Duration::from_secs(15),
            idempotency: DAY,
            rollback: DAY,
            recent: 1000,
            recent_bytes: 16 * 1024 * 1024,
            poll: Duration::from_secs(1),
            upkeep: Duration::from_secs(10),
            keep_bodies: DAY,
            keep_done: 7 * DAY,
            keep_letters: 30 * DAY,
            notices: Arc::new(NoNotices),
            clock: Arc::new(SystemClock),
        }
    }
}

impl ServerOptions {
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |message: String| Err(Error::new(ErrorKind::Config, message));
        let visible = |byte: u8| byte.is_ascii_graphic();
        if self.origin.is_empty() || self.origin.len() > 255 || !self.origin.bytes().all(visible) {
            return wrong(format!(
                "the origin of webhooks has {} bytes: expected 1 to 255 of visible ASCII, such as orders.example.com",
                self.origin.len()
            ));
        }
        if self.lease.is_zero() || self.lease > self.max_lease {
            return wrong(format!(
                "a lease of {:?} where at most {:?} are given: expected more than nothing and no more than that",
                self.lease, self.max_lease
            ));
        }
        if self.consent_retries.len() > 10 {
            return wrong(format!(
                "{} retries for a sink's consent: expected at most 10",
                self.consent_retries.len()
            ));
        }
        if self.poll.is_zero() || self.upkeep.is_zero() {
            return wrong("poll and upkeep of webhooks: expected more than nothing".to_owned());
        }
        Ok(())
    }
}

impl fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("authenticator", &self.authenticator)
            .field("origin", &self.origin)
            .field("max_subscriptions", &self.max_subscriptions)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
