//! Holding things up.

use parking_lot::{Condvar, Mutex};

/// Holds up whoever comes while it is shut.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    shut: bool,
    waiting: usize,
}

impl Gate {
    pub(crate) fn shut(&self, shut: bool) {
        self.state.lock().shut = shut;
        self.changed.notify_all();
    }

    /// Whether somebody is held up.
    pub(crate) fn holds(&self) -> bool {
        self.state.lock().waiting > 0
    }

    pub(crate) fn pass(&self) {
        let mut state = self.state.lock();
        state.waiting += 1;
        while state.shut {
            self.changed.wait(&mut state);
        }
        state.waiting -= 1;
    }
}
