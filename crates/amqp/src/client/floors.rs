//! What providers agreed to lately, so that not each command asks them again.

use std::time::Duration;

use polywire_contract::{Name, Requirement};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::topology::Floor;

/// How long what was agreed to counts.
const FRESH: Duration = Duration::from_secs(1);
/// How many agreements are remembered.
const REMEMBERED: usize = 1024;

/// The floors agreed to, by requirement and command.
pub(crate) struct Floors(Cache<(usize, Name), Agreed>);

#[derive(Clone)]
struct Agreed {
    floor: Floor,
    until: Instant,
    /// Keeps the requirement alive, so that its address, the key, stays its own.
    _requirement: Requirement,
}

impl Default for Floors {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Floors {
    pub(super) fn get(&self, requirement: &Requirement, command: &Name) -> Option<Floor> {
        let agreed = self.0.get(&(requirement.address(), command.clone()))?;
        (agreed.until > Instant::now()).then_some(agreed.floor)
    }

    pub(super) fn keep(&self, requirement: &Requirement, command: &Name, floor: &Floor) {
        let agreed = Agreed {
            floor: floor.clone(),
            until: Instant::now() + FRESH,
            _requirement: requirement.clone(),
        };
        self.0
            .insert((requirement.address(), command.clone()), agreed);
    }
}
