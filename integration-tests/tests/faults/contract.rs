//! A contract of one event, and the configuration of both its ends.

use crate::support::broker::Place;

/// Tells what happens, all the time.
#[polywire::contract(name = "load", version = "1.0.0")]
pub(crate) trait Load {
    /// Something happened.
    #[event]
    fn happened(event: Happened);
}

/// What happened.
#[polywire::payload]
pub(crate) struct Happened {
    /// Who told of it.
    pub(crate) publisher: u64,
    /// How many it told of before.
    pub(crate) number: u64,
    /// More about it.
    pub(crate) text: String,
}

/// Nothing is asked of a provider.
#[derive(Debug)]
pub(crate) struct Nothing;

impl Load for Nothing {}

/// Members of one group share the events.
pub(crate) const GROUP: &str = "counting";

/// The queue of the group.
#[cfg(target_os = "linux")]
pub(crate) fn queue(place: &Place) -> String {
    format!("{}.evt.load.happened.{GROUP}.v1", place.namespace)
}

/// The configuration of a runtime that provides or consumes the contract.
pub(crate) fn config(place: &Place, instance: &str, timeout: &str) -> String {
    format!(
        "[service]\nname = \"load\"\ninstance = \"{instance}\"\n[channel.load]\ntransport = \"amqp\"\ntimeout = \"{timeout}\"\n[transport.amqp]\n{}",
        place.keys()
    )
}
