//! What is the same for every event of one stamp, or for every request of one requirement: made once, copied after.

use std::sync::Arc;

use lapin::types::ShortString;
use polywire_contract::{Name, Requirement, Track};
use polywire_core::{Result, Stamp};
use quick_cache::sync::Cache;

use crate::topology::{Names, required};
use crate::wire::{Headers, event_headers, request_headers};

/// How many lanes of each kind are remembered; the least used are forgotten first.
const LANES: usize = 1024;

/// The lanes of a transport.
#[derive(Debug)]
pub(crate) struct Lanes {
    events: Cache<(usize, Name), Arc<EventLane>>,
    requests: Cache<usize, Arc<RequestLane>>,
}

/// The way of an event at the version of one stamp.
#[derive(Debug)]
pub(super) struct EventLane {
    pub(super) exchange: ShortString,
    pub(super) key: ShortString,
    pub(super) headers: Headers,
    /// Keeps the stamp alive, so that its address, the key, stays its own.
    _stamp: Arc<Stamp>,
}

/// The way of calls and commands under one requirement.
#[derive(Debug)]
pub(super) struct RequestLane {
    pub(super) headers: Headers,
    /// The queues of calls to the floors of its ranges, the preferred first; `None` where only an offer tells the floor.
    pub(super) queues: Vec<Option<ShortString>>,
    /// As in [`EventLane`].
    _requirement: Requirement,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            events: Cache::new(LANES),
            requests: Cache::new(LANES),
        }
    }
}

impl Lanes {
    /// The lane of an event.
    ///
    /// # Errors
    /// `Config` when a name at the broker would be too long.
    pub(super) fn event(
        &self,
        names: &Names,
        stamp: &Arc<Stamp>,
        event: &Name,
    ) -> Result<Arc<EventLane>> {
        let key = (Arc::as_ptr(stamp).addr(), event.clone());
        self.events.get_or_insert_with(&key, || {
            Ok(Arc::new(EventLane {
                exchange: names.event_exchange(&stamp.contract)?,
                key: Names::event_key(Track::of(&stamp.version), event)?,
                headers: event_headers(stamp, event),
                _stamp: stamp.clone(),
            }))
        })
    }

    /// The lane of a requirement.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    pub(super) fn request(
        &self,
        names: &Names,
        requirement: &Requirement,
    ) -> Result<Arc<RequestLane>> {
        self.requests
            .get_or_insert_with(&requirement.address(), || {
                let contract = requirement.contract();
                let queue = |floor| names.call_queue(contract, &floor);
                let floors = required(requirement).into_iter();
                Ok(Arc::new(RequestLane {
                    headers: request_headers(requirement),
                    queues: floors
                        .map(|floor| floor.map(queue).transpose())
                        .collect::<Result<_>>()?,
                    _requirement: requirement.clone(),
                }))
            })
    }
}
