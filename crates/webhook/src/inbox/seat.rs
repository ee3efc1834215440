//! Members and their places.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use polywire_core::Result;
use tokio::sync::Notify;

use super::Queue;
use super::held::Held;
use super::shared::{Phase, Shared, State, closed, gone};
use crate::record::SubscriptionId;

/// A member, as the dispatcher sees it.
pub(super) struct Seat {
    number: u64,
    pub(super) line: SubscriptionId,
    /// Whether it stays while the inbox drains, as what was accepted is finished then.
    finishes: bool,
    pub(super) arrived: Notify,
    pub(super) inside: Mutex<Inside>,
}

pub(super) struct Inside {
    pub(super) waiting: VecDeque<Held>,
    free: usize,
    /// Whether it stands among those with a free place.
    listed: bool,
    pub(super) left: bool,
}

/// A place in a member's prefetch, free again when it is dropped. Never to be dropped under the lock.
pub(super) struct Place {
    shared: Arc<Shared>,
    seat: Arc<Seat>,
}

impl Shared {
    /// Takes a seat at a queue, with so many places.
    pub(super) fn join(&self, queue: &Queue, prefetch: usize, finishes: bool) -> Result<Arc<Seat>> {
        let seat = {
            let mut state = self.state.lock();
            if state.phase > Phase::Open {
                return Err(closed());
            }
            state.seats += 1;
            let number = state.seats;
            let line = state.lines.get_mut(&queue.id).ok_or_else(|| gone(queue))?;
            let free = prefetch.max(1);
            let seat = Arc::new(Seat {
                number,
                line: queue.id.clone(),
                finishes,
                arrived: Notify::new(),
                inside: Mutex::new(Inside {
                    waiting: VecDeque::new(),
                    free,
                    listed: true,
                    left: false,
                }),
            });
            line.seats.insert(number, seat.clone());
            line.open.push_back(seat.clone());
            line.room = line.room.saturating_add(free);
            line.ready = true;
            seat
        };
        self.look.notify_one();
        Ok(seat)
    }

    /// Ends a member; what it has not taken goes back.
    pub(super) fn leave(&self, seat: &Seat) {
        let unread = {
            let mut state = self.state.lock();
            state.end(seat)
        };
        seat.arrived.notify_one();
        drop(unread);
    }

    /// Forgets a queue that is gone; its members end.
    pub(super) fn forget(&self, queue: &Queue) {
        let line = self.state.lock().lines.remove(&queue.id);
        for seat in line.into_iter().flat_map(|line| line.seats.into_values()) {
            self.leave(&seat);
        }
    }

    /// Ends some members.
    pub(super) fn end(&self, which: impl Fn(&Seat) -> bool) {
        let (seats, unread) = {
            let mut state = self.state.lock();
            let all = state.lines.values().flat_map(|line| line.seats.values());
            let seats: Vec<_> = all.filter(|seat| which(seat)).cloned().collect();
            let unread: Vec<_> = seats.iter().map(|seat| state.end(seat)).collect();
            (seats, unread)
        };
        for seat in seats {
            seat.arrived.notify_one();
        }
        drop(unread);
    }
}

impl State {
    /// Ends a member, and gives what it has not taken, to be dropped without the lock.
    fn end(&mut self, seat: &Seat) -> VecDeque<Held> {
        let mut inside = seat.inside.lock();
        if !inside.left {
            inside.left = true;
            if let Some(line) = self.lines.get_mut(&seat.line) {
                line.room = line.room.saturating_sub(inside.free);
                line.seats.remove(&seat.number);
                line.open.retain(|other| other.number != seat.number);
            }
        }
        std::mem::take(&mut inside.waiting)
    }

    /// Takes a place of the member whose turn it is.
    pub(super) fn place(&mut self, shared: &Arc<Shared>, line: &SubscriptionId) -> Option<Place> {
        let line = self.lines.get_mut(line)?;
        while let Some(seat) = line.open.pop_front() {
            let mut inside = seat.inside.lock();
            if inside.left {
                continue;
            }
            inside.free -= 1;
            inside.listed = inside.free > 0;
            line.room = line.room.saturating_sub(1);
            line.taken += 1;
            if inside.listed {
                line.open.push_back(seat.clone());
            }
            drop(inside);
            let shared = shared.clone();
            return Some(Place { shared, seat });
        }
        None
    }
}

impl Seat {
    /// Whether draining leaves it alone.
    pub(super) fn finishes(&self) -> bool {
        self.finishes
    }
}

impl Place {
    /// Gives the member what has taken its place; gives it back when the member has left meanwhile.
    pub(super) fn hand(held: Held, seat: &Seat) -> Option<Held> {
        let mut inside = seat.inside.lock();
        if inside.left {
            return Some(held);
        }
        inside.waiting.push_back(held);
        drop(inside);
        seat.arrived.notify_one();
        None
    }

    pub(super) fn seat(&self) -> Arc<Seat> {
        self.seat.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state.lock();
            let Some(line) = state.lines.get_mut(&self.seat.line) else {
                return;
            };
            line.taken = line.taken.saturating_sub(1);
            let mut inside = self.seat.inside.lock();
            inside.free += 1;
            if inside.left {
                return;
            }
            line.room = line.room.saturating_add(1);
            if !inside.listed {
                inside.listed = true;
                line.open.push_back(self.seat.clone());
            }
        }
        self.shared.look.notify_one();
    }
}
