//! Names at the broker.

use std::fmt::Write as _;

use lapin::types::ShortString;
use polywire_contract::{Name, Track};
use polywire_core::{Error, ErrorKind, Result, Shelf};

use super::floor::Floor;

/// A text of at most 255 bytes, as AMQP names are.
///
/// # Errors
/// `Config` when it is longer.
pub(crate) fn short(text: impl Into<String>) -> Result<ShortString> {
    let text = text.into();
    let bytes = text.len();
    ShortString::try_new(text).map_err(|_| {
        Error::new(
            ErrorKind::Config,
            format!(
                "a name at the broker of {bytes} bytes: at most 255 are valid, so shorten the namespace, contract, event or group"
            ),
        )
    })
}

/// Makes names, all with the configured namespace in front.
///
/// Contract, event and group names may contain dots; those become colons, so that no two things get one name.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: String,
}

/// What a subscription's queue is called after.
#[derive(Clone, Debug)]
pub(crate) struct GroupName<'a> {
    pub(crate) contract: &'a Name,
    pub(crate) event: &'a Name,
    /// `None` for a group of one.
    pub(crate) group: Option<&'a Name>,
    /// The tracks required, sorted; empty for all.
    pub(crate) tracks: &'a [Track],
}

fn part(name: &Name) -> String {
    name.as_str().replace('.', ":")
}

impl Names {
    pub(crate) fn new(namespace: Option<&str>) -> Self {
        Self {
            prefix: namespace.map_or_else(String::new, |namespace| format!("{namespace}.")),
        }
    }

    /// The topic exchange of a contract's events.
    pub(crate) fn event_exchange(&self, contract: &Name) -> Result<ShortString> {
        short(format!("{}evt.{}", self.prefix, part(contract)))
    }

    /// The key under which an event is published on a track, such as `v1.shipped`.
    pub(crate) fn event_key(track: Track, event: &Name) -> Result<ShortString> {
        short(format!("{track}.{}", part(event)))
    }

    /// The keys to bind for an event on some tracks, or on all.
    pub(crate) fn event_bindings(tracks: &[Track], event: &Name) -> Result<Vec<ShortString>> {
        if tracks.is_empty() {
            // `v1` is one word of a key and `v0.3` two.
            let event = part(event);
            return ["*", "v0.*"]
                .map(|track| short(format!("{track}.{event}")))
                .into_iter()
                .collect();
        }
        tracks
            .iter()
            .map(|track| Self::event_key(*track, event))
            .collect()
    }

    /// The queue of a group, such as `evt.orders.shipped.billing.v1`.
    pub(crate) fn group_queue(&self, name: &GroupName<'_>) -> Result<ShortString> {
        let Some(group) = name.group else {
            return self.solitary_queue(name);
        };
        let (contract, event) = (part(name.contract), part(name.event));
        let mut text = format!("{}evt.{contract}.{event}.{}.", self.prefix, part(group));
        tracks(&mut text, name.tracks);
        short(text)
    }

    /// The queue of a group of one, which no other has.
    fn solitary_queue(&self, name: &GroupName<'_>) -> Result<ShortString> {
        let (contract, event) = (part(name.contract), part(name.event));
        let id: u64 = rand::random();
        let mut text = format!("{}evt.{contract}.{event}.~{id:016x}.", self.prefix);
        tracks(&mut text, name.tracks);
        short(text)
    }

    /// What the shelves of a group are called after: its queue, or for all groups of one of an event the same.
    pub(crate) fn group_shelf(&self, name: &GroupName<'_>, shelf: Shelf) -> Result<ShortString> {
        let base = match name.group {
            Some(_) => self.group_queue(name)?.to_string(),
            None => format!(
                "{}evt.{}.{}.~alone",
                self.prefix,
                part(name.contract),
                part(name.event)
            ),
        };
        short(format!("{base}.{shelf}"))
    }

    /// The queue of commands that require at least a floor, such as `cmd.orders.v1.5`.
    pub(crate) fn command_queue(&self, contract: &Name, floor: &Floor) -> Result<ShortString> {
        short(format!("{}cmd.{}.{floor}", self.prefix, part(contract)))
    }

    /// A shelf of a contract's commands, such as `cmd.orders.dead`.
    pub(crate) fn command_shelf(&self, contract: &Name, shelf: Shelf) -> Result<ShortString> {
        short(format!("{}cmd.{}.{shelf}", self.prefix, part(contract)))
    }

    /// The queue of calls that require at least a floor, such as `call.orders.v1.5`.
    pub(crate) fn call_queue(&self, contract: &Name, floor: &Floor) -> Result<ShortString> {
        short(format!("{}call.{}.{floor}", self.prefix, part(contract)))
    }

    /// The queue, and the exchange in front of it, where what is retried waits for some milliseconds.
    pub(crate) fn wait(&self, milliseconds: u64) -> Result<ShortString> {
        short(format!("{}wait.{milliseconds}", self.prefix))
    }

    /// The exchange where providers are asked for their offers and told of cancelled calls, by contract.
    pub(crate) fn control_exchange(&self) -> Result<ShortString> {
        short(format!("{}contracts.control", self.prefix))
    }

    /// A queue that belongs to this connection alone.
    pub(crate) fn own_queue(&self, purpose: &str) -> Result<ShortString> {
        let id: u64 = rand::random();
        short(format!("{}{purpose}.~{id:016x}", self.prefix))
    }
}

fn tracks(text: &mut String, tracks: &[Track]) {
    if tracks.is_empty() {
        text.push_str("any");
        return;
    }
    for (index, track) in tracks.iter().enumerate() {
        let separator = if index > 0 { "+" } else { "" };
        // Writing to a text cannot fail.
        let _ = write!(text, "{separator}{track}");
    }
}

#[cfg(test)]
mod tests {
    use polywire_contract::Name;

    use super::*;

    fn name(text: &'static str) -> Name {
        Name::from_static(text)
    }

    fn queue(contract: &'static str, event: &'static str, group: &'static str) -> String {
        let (contract, event, group) = (name(contract), name(event), name(group));
        let group = GroupName {
            contract: &contract,
            event: &event,
            group: Some(&group),
            tracks: &[Track::Major(1)],
        };
        Names::new(None).group_queue(&group).unwrap().to_string()
    }

    #[test]
    fn names_are_as_documented_and_none_collide() {
        assert_eq!(
            queue("orders", "shipped", "billing"),
            "evt.orders.shipped.billing.v1"
        );
        assert_ne!(queue("a", "b.c", "d"), queue("a.b", "c", "d"));
        let names = Names::new(Some("staging"));
        assert_eq!(
            names.event_exchange(&name("orders")).unwrap().as_str(),
            "staging.evt.orders"
        );
        let keys = Names::event_bindings(&[Track::Zero(3)], &name("order.shipped")).unwrap();
        assert_eq!(keys[0].as_str(), "v0.3.order:shipped");
    }

    #[test]
    fn too_long_names_are_refused() {
        let long: Name = "a".repeat(100).parse().unwrap();
        let group = GroupName {
            contract: &long,
            event: &long,
            group: Some(&long),
            tracks: &[],
        };
        let error = Names::new(None).group_queue(&group).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error
                .to_string()
                .contains("of 310 bytes: at most 255 are valid"),
            "{error}"
        );
    }
}
