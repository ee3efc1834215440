//! What becomes of calls that still run when their release may not be called any more.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use polywire_core::{Error, ErrorKind, Result};

use super::resident::Resident;

/// What becomes of calls that still run when their release may not be called any more: its deployment window has passed, or it
/// was revoked. Nothing can stop a call into a native plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overrun {
    /// They end when they end, and their callers are answered with `Unavailable`.
    #[default]
    Fence,
    /// The process aborts, so that no call runs in what is not deployed. Whatever else it does ends as well, accepted commands that
    /// were not run among it: this is for plugins whose calls are far shorter than the deployment window.
    Abort,
}

/// Aborts the process when a call overruns. Dropping it ends its thread.
pub(super) struct Watchdog {
    watched: Arc<Mutex<Vec<Watched>>>,
    /// Closed, it ends the thread.
    _stop: SyncSender<()>,
}

/// The time between two looks, of which two must find it: below a quarter of the shortest window.
const PAUSE: Duration = Duration::from_millis(50);

impl Watchdog {
    /// One that watches nothing yet. It has a thread of its own, since whoever reads the repository may wait for it.
    ///
    /// # Errors
    /// `Internal` when the thread cannot be started.
    pub(super) fn start() -> Result<Self> {
        let watched = Arc::new(Mutex::new(Vec::<Watched>::new()));
        let (stop, stopped) = sync_channel(0);
        let own = watched.clone();
        let watch = move || {
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                own.lock().retain_mut(Watched::look);
            }
        };
        thread::Builder::new()
            .name("polywire-overrun".to_owned())
            .spawn(watch)
            .map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    format!("no thread to watch calls on: {error}"),
                )
            })?;
        Ok(Self {
            watched,
            _stop: stop,
        })
    }

    /// Watches a release, for as long as it is there.
    pub(super) fn watch(&self, resident: &Arc<Resident>) {
        self.watched.lock().push(Watched {
            resident: Arc::downgrade(resident),
            overran: false,
        });
    }
}

/// A release that is watched.
struct Watched {
    resident: Weak<Resident>,
    /// Whether calls ran in it that were too late when it was looked at last.
    overran: bool,
}

impl Watched {
    /// Looks at it, and ends the process when calls were too late at the last look as well: those that were about to end have.
    /// Whether it is still there.
    fn look(&mut self) -> bool {
        let Some(resident) = self.resident.upgrade() else {
            return false;
        };
        // In this order: what has ended by then was not too late.
        let running = if resident.check().is_err() {
            resident.running()
        } else {
            0
        };
        if running > 0 && self.overran {
            abort(&resident, running);
        }
        self.overran = running > 0;
        true
    }
}

fn abort(resident: &Resident, running: usize) -> ! {
    let release = resident.release().map(ToString::to_string);
    let text = format!(
        "plugin release {} may not be called any more, and {running} of its calls still run: overrun = \"abort\" ends this process",
        release.unwrap_or_default()
    );
    tracing::error!("{text}");
    // A log may be written by a thread that ends now.
    let _ = writeln!(std::io::stderr(), "polywire: {text}");
    std::process::abort();
}
