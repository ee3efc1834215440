//! Threads of this process that plugins have left values on, and what to do when they end.

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::Arc;

use parking_lot::Mutex;

/// Whether a library may still be entered by a thread that ends.
#[derive(Debug)]
pub(super) struct Presence(Mutex<bool>);

/// What a plugin runs when a thread ends.
pub(super) type Run = unsafe extern "C" fn(*mut c_void);

struct Visit {
    presence: Arc<Presence>,
    run: Run,
    argument: *mut c_void,
}

/// Dropped when its thread ends.
struct Visits(RefCell<Vec<Visit>>);

thread_local! {
    static VISITS: Visits = const { Visits(RefCell::new(Vec::new())) };
}

impl Presence {
    /// Of a library that was loaded.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(true)))
    }

    /// Remembers what to run when the calling thread ends; `false` when it is ending already.
    ///
    /// The caller promises that `run(argument)` may be called on this thread until the library is left.
    pub(super) fn at_exit(self: &Arc<Self>, run: Run, argument: *mut c_void) -> bool {
        let remembered = VISITS.try_with(|visits| {
            let mut visits = visits.0.borrow_mut();
            // What threads remember of libraries that are gone would grow with every one of them.
            // One that is locked is being left right now, by this very thread perhaps.
            visits.retain(|visit| visit.presence.0.try_lock().is_none_or(|open| *open));
            visits.push(Visit {
                presence: self.clone(),
                run,
                argument,
            });
        });
        remembered.is_ok()
    }

    /// Finishes with the library, while no thread that ends is in it; none enters it afterwards.
    pub(super) fn leave<T>(&self, finish: impl FnOnce() -> T) -> T {
        let mut open = self.0.lock();
        let result = finish();
        *open = false;
        result
    }
}

impl Drop for Visits {
    fn drop(&mut self) {
        for visit in std::mem::take(self.0.get_mut()) {
            let open = visit.presence.0.lock();
            if *open {
                // SAFETY: the library has not been left and will not be while this runs; the plugin asked for it to be
                // run on this thread.
                unsafe { (visit.run)(visit.argument) };
            }
        }
    }
}
