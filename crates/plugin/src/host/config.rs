//! What a host is made of.

use std::sync::Arc;

use polywire_contract::Name;
use polywire_core::{Bounds, Directory};

use super::Overrun;
use crate::native::Limits;

/// What a [`PluginHost`](super::PluginHost) is made of.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// The contract that the plugin serves.
    pub contract: Name,
    /// A name for this process, which replies carry.
    pub instance: Option<String>,
    /// The bounds of libraries and answers.
    pub limits: Limits,
    /// The bounds of its queues, retries and shelves.
    pub bounds: Bounds,
    /// How many calls of one release may run at once: 256. Calls of a plugin that says that they are short do not count.
    pub workers: usize,
    /// With so many calls that were given up and still run, the channel is unhealthy: 8.
    pub max_stuck: usize,
    /// What becomes of calls that still run when their release may not be called any more.
    pub overrun: Overrun,
    /// The channels that the plugin may call out through; without them it cannot.
    pub directory: Option<Arc<dyn Directory>>,
}

impl HostConfig {
    /// The defaults.
    #[must_use]
    pub fn new(contract: Name) -> Self {
        Self {
            contract,
            instance: None,
            limits: Limits::default(),
            bounds: Bounds::default(),
            workers: 256,
            max_stuck: 8,
            overrun: Overrun::default(),
            directory: None,
        }
    }
}
