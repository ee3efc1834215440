//! Shelves as an operator names them, who neither serves nor subscribes.

use std::sync::Arc;

use polywire_contract::{Name, Requirement};
use polywire_core::{Result, Shelf};

use super::{Place, Shelves};
use crate::broker::Broker;
use crate::client::tracks_of;
use crate::topology::GroupName;

/// Whose dead and parked messages.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ShelfOwner {
    /// The commands of a contract, of all its versions.
    Commands {
        /// The contract.
        contract: Name,
    },
    /// A group of subscribers.
    Group {
        /// The contract.
        contract: Name,
        /// The event that the group subscribes to.
        event: Name,
        /// The group; `None` for all subscribers without one, which share their shelves.
        group: Option<Name>,
        /// What the group requires: its tracks are part of its queue's name.
        requirement: Requirement,
    },
}

impl Shelves {
    /// The shelves of somebody else. Nothing is declared: a shelf that does not exist is empty.
    ///
    /// # Errors
    /// `Config` when the name at the broker would be too long.
    pub(crate) fn of(broker: Arc<Broker>, owner: &ShelfOwner) -> Result<Self> {
        let shelves = Self::new(broker);
        match owner {
            ShelfOwner::Commands { contract } => shelves.know_service(contract.clone())?,
            ShelfOwner::Group {
                contract,
                event,
                group,
                requirement,
            } => {
                let tracks = tracks_of(requirement);
                let name = GroupName {
                    contract,
                    event,
                    group: group.as_ref(),
                    tracks: &tracks,
                };
                let names = &shelves.broker.plans.names;
                let (dead, parked) = (
                    names.group_shelf(&name, Shelf::Dead)?,
                    names.group_shelf(&name, Shelf::Parked)?,
                );
                shelves.know(Place {
                    contract: contract.clone(),
                    event: Some(event.clone()),
                    group: Some(group_name(group.as_ref())),
                    dead,
                    parked,
                });
            }
        }
        Ok(shelves)
    }
}

/// What letters call a group.
pub(crate) fn group_name(group: Option<&Name>) -> String {
    group.map_or_else(|| "alone".to_owned(), ToString::to_string)
}
