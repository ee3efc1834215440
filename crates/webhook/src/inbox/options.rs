//! How an inbox works.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::{Clock, SystemClock};
use crate::store::Sweep;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How an inbox works. The bounds of its queues are apart, in [`Bounds`](polywire_core::Bounds).
#[derive(Clone, Debug)]
pub struct InboxOptions {
    pub(super) lease: Duration,
    pub(super) poll: Duration,
    keep_done: Duration,
    keep_letters: Duration,
    pub(super) sweep_every: Duration,
    clock: Arc<dyn Clock>,
}

impl Default for InboxOptions {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            poll: Duration::from_millis(200),
            keep_done: DAY * 7,
            keep_letters: DAY * 30,
            sweep_every: Duration::from_secs(60),
            clock: Arc::new(SystemClock),
        }
    }
}

impl InboxOptions {
    /// For how long a message stays with a process that has died; 30 s by default, from 1 s to an hour. One that lives
    /// prolongs it at a third.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.clamp(Duration::from_secs(1), Duration::from_secs(3600));
        self
    }

    /// How often to look for what another process has put; 200 ms by default, from 10 ms to a minute. What this process
    /// puts, and what others put into a store that tells, is seen at once.
    #[must_use]
    pub fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll.clamp(Duration::from_millis(10), Duration::from_secs(60));
        self
    }

    /// For how long a duplicate of what is done with is recognised: 7 days by default. To be longer than senders retry.
    #[must_use]
    pub fn keep_done(mut self, keep: Duration) -> Self {
        self.keep_done = keep;
        self
    }

    /// After how long letters go that nobody has replayed or discarded: 30 days by default.
    #[must_use]
    pub fn keep_letters(mut self, keep: Duration) -> Self {
        self.keep_letters = keep;
        self
    }

    /// How often to remove what is old; a minute by default, from a second to a day.
    #[must_use]
    pub fn sweep_every(mut self, every: Duration) -> Self {
        self.sweep_every = every.clamp(Duration::from_secs(1), DAY);
        self
    }

    /// The same with another clock, by which what is old is removed. Leases and retries go by the store's own.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is old now. A body goes as soon as nobody needs it any more.
    pub(super) fn sweep(&self) -> Sweep {
        let now = self.clock.now();
        Sweep {
            bodies: now,
            done: earlier(now, self.keep_done),
            letters: earlier(now, self.keep_letters),
        }
    }
}

fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.saturating_sub(by).unwrap_or(Timestamp::MIN)
}
