//! The bounds of an exchange, and the configuration keys that set them.

use std::time::Duration;

use crate::config::Section;

/// The bounds of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many messages a group or a command queue may hold.
    pub max_messages: usize,
    /// How many bytes of payload a group or a command queue may hold.
    pub max_bytes: usize,
    /// How many groups an event may have.
    pub max_groups: usize,
    /// How many events of a topic are kept for replay after they were published.
    pub replay_messages: usize,
    /// How many bytes of payload of a topic are kept for replay.
    pub replay_bytes: usize,
    /// How many letters each shelf may hold.
    pub max_letters: usize,
    /// How often a message is tried before it is dead-lettered.
    pub max_attempts: u32,
    /// How often a message may come back unsettled before it is dead-lettered.
    pub max_returns: u32,
    /// The wait before the first retry; it doubles.
    pub backoff: Duration,
    /// The longest wait before a retry.
    pub max_backoff: Duration,
    /// How many commands of one service run at once.
    pub command_workers: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_messages: 65_536,
            max_bytes: 64 * 1024 * 1024,
            max_groups: 256,
            replay_messages: 0,
            replay_bytes: 0,
            max_letters: 10_000,
            max_attempts: 5,
            max_returns: 20,
            backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(30),
            command_workers: 64,
        }
    }
}

impl Bounds {
    /// How long to wait before the retry that follows an attempt, which is counted from 1.
    #[must_use]
    pub fn wait_after(&self, attempt: u32) -> Duration {
        self.backoff
            .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)))
            .min(self.max_backoff)
    }

    /// Reads the keys that every transport with an exchange shares: `queue_messages`, `queue_bytes`, `max_attempts`,
    /// `backoff`, `max_backoff` and `command_workers`. What is wrong is noted in the section.
    #[must_use]
    pub fn read(section: &Section, default: &Self) -> Self {
        let waits = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);
        Self {
            max_messages: section
                .integer("queue_messages", 1..=10_000_000)
                .unwrap_or(default.max_messages),
            max_bytes: section
                .size("queue_bytes", 1..=1 << 40)
                .map_or(default.max_bytes, |size| {
                    usize::try_from(size).unwrap_or(usize::MAX)
                }),
            max_attempts: section
                .integer("max_attempts", 1..=1000)
                .unwrap_or(default.max_attempts),
            backoff: section
                .duration("backoff", waits.clone())
                .unwrap_or(default.backoff),
            max_backoff: section
                .duration("max_backoff", waits)
                .unwrap_or(default.max_backoff),
            command_workers: section
                .integer("command_workers", 1..=10_000)
                .unwrap_or(default.command_workers),
            ..default.clone()
        }
    }
}
