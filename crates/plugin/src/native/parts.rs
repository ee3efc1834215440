//! What a generation is made of, and the order in which it is taken apart.

use std::ffi::c_void;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use polywire_plugin_abi::read::{Descriptor, Entries};

use super::context::Context;
use super::ended::{Ended, Fate, Reason};
use super::library::Library;

/// A library and everything that points into it.
pub(super) struct Parts {
    pub(super) id: u64,
    pub(super) code: Library,
    pub(super) context: Arc<Context>,
    pub(super) descriptor: Option<Arc<Descriptor>>,
    pub(super) entries: Option<Entries>,
    /// What `init` gave; null without.
    pub(super) instance: *mut c_void,
}

// SAFETY: a plugin takes calls on any thread, and its other functions one after another on any: the interface says so.
unsafe impl Send for Parts {}
// SAFETY: as above.
unsafe impl Sync for Parts {}

/// How long to wait before looking again whether threads have ended.
const STEP: Duration = Duration::from_micros(200);

impl Parts {
    /// Ends the instance and closes the library, where that is safe. Nobody calls the plugin any more.
    pub(super) fn end(self, timeout: Duration) -> Ended {
        let descriptor = self.descriptor.clone();
        let descriptor = descriptor.as_deref();
        let mut ended = Ended {
            id: self.id,
            name: descriptor.map_or_else(String::new, |known| known.name.clone()),
            release: descriptor.map_or_else(String::new, |known| known.release.to_string()),
            path: self.code.path().to_path_buf(),
            fate: Fate::Unmapped,
        };
        let stopped = self.stop(timeout).and_then(|()| self.finish());
        let closed = match stopped {
            // SAFETY: nothing of it runs, and it has let go of everything.
            Ok(()) => unsafe { self.code.close() },
            Err(reason) => {
                // What it was given to call its host by stays as well.
                std::mem::forget(self.context);
                self.code.retire();
                Err(reason)
            }
        };
        if let Err(reason) = closed {
            ended.fate = Fate::Retired(reason);
        }
        ended
    }

    /// Stops everything that is its own and waits until its threads are gone.
    fn stop(&self, timeout: Duration) -> Result<(), Reason> {
        // Its threads may wait for other services.
        self.context.close();
        let Some(entries) = self.entries else {
            return Ok(());
        };
        let end = Instant::now() + timeout;
        if !self.instance.is_null() {
            let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
            // SAFETY: the instance is there until `destroy`, and nobody else calls it.
            let quiesced = unsafe { (entries.quiesce)(self.instance, milliseconds) } == 0;
            if !quiesced {
                return Err(Reason::NotQuiesced);
            }
            // SAFETY: as above, and it is not used again.
            unsafe { (entries.destroy)(self.instance) };
        }
        loop {
            // SAFETY: the library is open.
            let threads = unsafe { (entries.live_threads)() };
            if threads == 0 {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(Reason::Threads(threads));
            }
            sleep(STEP);
        }
    }

    fn finish(&self) -> Result<(), Reason> {
        // Constructors have run even in a library of which nothing else has.
        let stays = self
            .descriptor
            .as_ref()
            .is_some_and(|descriptor| !descriptor.flags.can_unload());
        if stays {
            return Err(Reason::NotUnloadable);
        }
        let Some(entries) = self.entries else {
            return Ok(());
        };
        // SAFETY: the instance is gone, and so are its threads; no thread of ours is in it while it is left.
        let finished = self
            .context
            .presence
            .leave(|| unsafe { (entries.fini)() } == 0);
        finished.then_some(()).ok_or(Reason::NotFinished)
    }
}
