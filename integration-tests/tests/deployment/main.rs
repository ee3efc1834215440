//! A rolling deployment: replicas of 1.4 and 1.5 side by side, forth and back, under load.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod amqp;
mod caller;
mod contract;
mod http;
mod replica;
#[path = "../support/mod.rs"]
mod support;

/// The transport of one end of the channel, and its keys.
pub(crate) struct Link {
    transport: &'static str,
    keys: String,
}

impl Link {
    pub(crate) fn new(transport: &'static str, keys: impl Into<String>) -> Self {
        Self {
            transport,
            keys: keys.into(),
        }
    }

    /// The channel's own key, and the transport's section.
    pub(crate) fn config(&self) -> String {
        let Self { transport, keys } = self;
        format!("transport = \"{transport}\"\n[transport.{transport}]\n{keys}")
    }
}
