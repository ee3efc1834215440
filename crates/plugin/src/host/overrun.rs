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
    /// The process aborts, so that nothing runs that is not deployed. Whatever else it does ends as well.
    Abort,
}

/// Aborts the process when a call overruns. Dropping it ends its thread.
pub(super) struct Watchdog {
    watched: Arc<Mutex<Vec<Weak<Resident>>>>,
    /// Closed, it ends the thread.
    _stop: SyncSender<()>,
}

/// How long a call may overrun before it is noticed: well below a quarter of the shortest window.
const PAUSE: Duration = Duration::from_millis(100);

impl Watchdog {
    /// One that watches nothing yet. It has a thread of its own, since whoever reads the repository may wait for it.
    ///
    /// # Errors
    /// `Internal` when the thread cannot be started.
    pub(super) fn start() -> Result<Self> {
        let watched = Arc::new(Mutex::new(Vec::<Weak<Resident>>::new()));
        let (stop, stopped) = sync_channel(0);
        let own = watched.clone();
        let watch = move || {
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                let mut watched = own.lock();
                watched.retain(|resident| resident.strong_count() > 0);
                let overrun = watched
                    .iter()
                    .filter_map(Weak::upgrade)
                    .find(|resident| resident.running() > 0 && resident.check().is_err());
                if let Some(resident) = overrun {
                    abort(&resident);
                }
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
        self.watched.lock().push(Arc::downgrade(resident));
    }
}

fn abort(resident: &Resident) -> ! {
    let text = format!(
        "plugin release {} may not be called any more and still runs {} calls: overrun = \"abort\" ends this process",
        resident
            .release()
            .map(ToString::to_string)
            .unwrap_or_default(),
        resident.running()
    );
    tracing::error!("{text}");
    // A log may be written by a thread that ends now.
    let _ = writeln!(std::io::stderr(), "polywire: {text}");
    std::process::abort();
}
