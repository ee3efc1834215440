//! One endpoint, and what waits for it.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::route::Route;
use crate::record::Leased;
use crate::schedule::{Endpoint, Stop};

/// An endpoint with what was leased for it and has not begun.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) queue: VecDeque<Leased>,
    /// Once its subscription has been read.
    pub(super) open: Option<Open>,
    /// When that was, or `None` when it must be read again.
    pub(super) read: Option<Instant>,
    pub(super) reading: bool,
    /// Counts what changed about how it stands.
    pub(super) changes: u64,
    /// Whether its turn is coming.
    pub(super) in_turn: bool,
    /// Until when nothing is sent.
    pub(super) wait: Option<Timestamp>,
    /// It is being written down that nothing more is sent.
    pub(super) closing: bool,
    pub(super) standing: Writing,
    /// Whether more was there when it was leased last.
    pub(super) backlog: bool,
    pub(super) used: Instant,
}

/// What is known of it.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) endpoint: Endpoint,
    pub(super) route: Arc<Route>,
}

/// Whether how it stands is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Writing {
    #[default]
    Clean,
    Now,
    /// Now, and once more after that.
    Again,
}

impl Place {
    pub(super) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            open: None,
            read: None,
            reading: false,
            changes: 0,
            in_turn: false,
            wait: None,
            closing: false,
            standing: Writing::Clean,
            backlog: false,
            used: Instant::now(),
        }
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.open
            .as_ref()
            .map_or(0, |open| open.endpoint.in_flight())
    }

    pub(super) fn stopped(&self) -> Option<Stop> {
        self.open.as_ref()?.endpoint.standing().stopped
    }

    /// Whether leases leave it out: it has enough, or takes nothing.
    pub(super) fn is_shut(&self, ahead: usize) -> bool {
        self.closing || self.wait.is_some() || self.queue.len() >= ahead.div_ceil(2)
    }

    /// Whether nothing is lost, but circuit and rate, when it is forgotten.
    pub(super) fn is_idle(&self) -> bool {
        let quiet = !self.reading && !self.closing && self.standing == Writing::Clean;
        quiet && self.queue.is_empty() && self.in_flight() == 0
    }
}
