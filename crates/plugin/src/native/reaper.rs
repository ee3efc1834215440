//! The threads on which generations end: closing a library may take long, and no caller waits for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::contain::contain;
use super::parts::Parts;

/// Where generations go that nobody calls any more. As many may wait as are resident, which is bounded.
#[derive(Clone, Debug)]
pub(super) struct Grave(Sender<Parts>);

impl Grave {
    /// Starts the thread, which ends when nobody can bury anything any more.
    pub(super) fn new(timeout: Duration) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        thread::Builder::new()
            .name("polywire-plugins".to_owned())
            .spawn(move || run(&receiver, timeout))?;
        Ok(Self(sender))
    }

    /// Hands a generation over; does not wait.
    pub(super) fn bury(&self, parts: Parts) {
        if let Err(unsent) = self.0.send(parts) {
            // Without the thread it stays as it is, with what its own threads call.
            std::mem::forget(unsent);
        }
    }
}

fn run(receiver: &Receiver<Parts>, timeout: Duration) {
    for parts in receiver {
        // Each on a thread of its own: one that never stops does not keep the others.
        let parts = Arc::new(Mutex::new(Some(parts)));
        let own = parts.clone();
        let spawned = thread::Builder::new()
            .name("polywire-plugin-end".to_owned())
            .spawn(move || end(&own, timeout));
        if spawned.is_err() {
            end(&parts, timeout);
        }
    }
}

fn end(parts: &Mutex<Option<Parts>>, timeout: Duration) {
    let Some(parts) = parts.lock().take() else {
        return;
    };
    let services = parts.context.services().clone();
    let ended = parts.end(timeout);
    // The application's own code may panic, and nothing is left to do.
    contain((), || {
        services.ended(&ended);
        Some(())
    });
}
