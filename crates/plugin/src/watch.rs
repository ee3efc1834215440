//! Noticing that an index may have changed: a notification is a hint, and the poll is the truth.
//!
//! Notifications do not come from other machines, and stop when a folder is replaced; nothing depends on them but how soon a
//! deployment is seen. What a wake means is found out by reading the index, which costs little and can be done too often.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use notify::event::ModifyKind;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::layout::INDEX;

/// Why a wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Something in the folder has changed, or the folder is watched from now on.
    Hint,
    /// It is time to look.
    Poll,
    /// Somebody has ended the watch.
    Stopped,
}

/// Waits for changes in the index of a repository. Dropping it ends its thread.
pub struct Watch {
    /// Where notifications come from; nowhere for a repository that is no folder.
    folder: Option<PathBuf>,
    poll: Duration,
    next: Instant,
    hint: SyncSender<()>,
    hints: Receiver<()>,
    armed: Option<Armed>,
    stopped: Arc<AtomicBool>,
}

/// A watch that is set, and on which folder: another one of the same name is not watched by it.
struct Armed {
    _watcher: RecommendedWatcher,
    folder: Identity,
    /// Whether the folder was removed or renamed since: a new one may have the identity of one that was removed.
    lost: Arc<AtomicBool>,
}

type Identity = (u64, u64);

/// Ends waits from another thread. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Stopper {
    stopped: Arc<AtomicBool>,
    hint: SyncSender<()>,
}

impl Watch {
    /// The longest time between two looks.
    pub const MAX_POLL: Duration = Duration::from_secs(2);

    /// The longest time that can be asked for.
    const MAX_PAUSE: Duration = Duration::from_secs(3600);

    /// Watches the repository in a folder, which need not be there yet, for a consumer with this deployment window: it polls
    /// every quarter of it, and at least every two seconds.
    #[must_use]
    pub fn new(repository: &Path, window: Duration) -> Self {
        Self::polling(repository, quarter(window))
    }

    /// Watches a repository that is no folder, and of which no notifications come: it polls as often.
    #[must_use]
    pub fn remote(window: Duration) -> Self {
        Self::of(None, quarter(window))
    }

    /// The same with another time between two looks, from a millisecond to an hour.
    #[must_use]
    pub fn polling(repository: &Path, poll: Duration) -> Self {
        Self::of(Some(repository.join(INDEX)), poll)
    }

    fn of(folder: Option<PathBuf>, poll: Duration) -> Self {
        // One place is enough: a hint that is not taken yet stands for those that follow.
        let (hint, hints) = sync_channel(1);
        Self {
            folder,
            poll: poll.clamp(Duration::from_millis(1), Self::MAX_PAUSE),
            next: Instant::now(),
            hint,
            hints,
            armed: None,
            stopped: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Whether notifications come for the folder as it was at the last wait; it is polled in either case.
    #[must_use]
    pub fn is_notified(&self) -> bool {
        self.armed.is_some()
    }

    /// Ends waits from another thread.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper {
            stopped: Arc::clone(&self.stopped),
            hint: self.hint.clone(),
        }
    }

    /// Blocks until there is a hint, until it is time to poll, or until it is stopped.
    pub fn wait(&mut self) -> Wake {
        if self.stopped.load(Ordering::SeqCst) {
            return Wake::Stopped;
        }
        if self.arm() {
            // What has changed before the watch was set is found by the look that follows.
            return self.look(Wake::Hint);
        }
        let patience = self.next.saturating_duration_since(Instant::now());
        let wake = match self.hints.recv_timeout(patience) {
            Ok(()) => Wake::Hint,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Wake::Poll,
        };
        if self.stopped.load(Ordering::SeqCst) {
            return Wake::Stopped;
        }
        self.look(wake)
    }

    fn look(&mut self, wake: Wake) -> Wake {
        self.next = Instant::now() + self.poll;
        wake
    }

    /// Watches the folder that is there now. Answers whether it is another one than before.
    fn arm(&mut self) -> bool {
        let Some(path) = &self.folder else {
            return false;
        };
        let found = identity(path);
        self.armed
            .take_if(|armed| armed.lost.load(Ordering::SeqCst));
        if self.armed.as_ref().map(|armed| armed.folder) == found {
            return false;
        }
        self.armed = None;
        let Some(folder) = found else {
            return false;
        };
        let hint = self.hint.clone();
        let lost = Arc::new(AtomicBool::new(false));
        let (gone, watched) = (Arc::clone(&lost), path.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.as_ref().is_ok_and(|event| ends(event, &watched)) {
                gone.store(true, Ordering::SeqCst);
            }
            if event.as_ref().map_or(true, matters) {
                // Full: there is a hint already.
                let _ = hint.try_send(());
            }
        });
        let armed = watcher.and_then(|mut watcher| {
            watcher.watch(path, RecursiveMode::NonRecursive)?;
            Ok(Armed {
                _watcher: watcher,
                folder,
                lost,
            })
        });
        // Where no watch can be set, as with too many of them, the poll remains.
        self.armed = armed.ok();
        self.armed.is_some()
    }
}

impl Stopper {
    /// Ends the wait that is under way as a hint does, or else the next one.
    pub fn hint(&self) {
        // Full: there is a hint already.
        let _ = self.hint.try_send(());
    }

    /// Ends the wait that is under way, and all that follow.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Full: the wait ends in any case.
        let _ = self.hint.try_send(());
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("folder", &self.folder)
            .field("poll", &self.poll)
            .field("notified", &self.is_notified())
            .finish_non_exhaustive()
    }
}

/// How often a consumer with this deployment window looks.
fn quarter(window: Duration) -> Duration {
    (window / 4).min(Watch::MAX_POLL)
}

/// Which folder it is, whatever its name.
fn identity(folder: &Path) -> Option<Identity> {
    let metadata = fs::metadata(folder).ok().filter(fs::Metadata::is_dir)?;
    Some((metadata.dev(), metadata.ino()))
}

/// Whether an event can mean that something has changed. Reading the folder, which is what a hint leads to, makes events too.
fn matters(event: &Event) -> bool {
    event.need_rescan() || !matches!(event.kind, EventKind::Access(_))
}

/// Whether the folder itself was removed or renamed.
fn ends(event: &Event, folder: &Path) -> bool {
    let kind = matches!(
        event.kind,
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
    );
    kind && event.paths.iter().any(|path| path == folder)
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, AccessMode, Flag, RemoveKind, RenameMode};

    use super::*;

    #[test]
    fn reading_the_folder_is_no_hint() {
        let event = |kind| Event::new(kind);
        assert!(!matters(&event(EventKind::Access(AccessKind::Open(
            AccessMode::Read
        )))));
        assert!(!matters(&event(EventKind::Access(AccessKind::Close(
            AccessMode::Write
        )))));
        assert!(matters(&event(EventKind::Modify(ModifyKind::Name(
            RenameMode::To
        )))));
        assert!(matters(
            &event(EventKind::Access(AccessKind::Any)).set_flag(Flag::Rescan)
        ));
    }

    #[test]
    fn a_folder_that_is_removed_is_watched_no_more_and_its_files_are_not_it() {
        let folder = Path::new("/r/index");
        let removed = Event::new(EventKind::Remove(RemoveKind::Folder));
        assert!(ends(&removed.clone().add_path(folder.to_owned()), folder));
        assert!(!ends(&removed.add_path(folder.join("orders.json")), folder));
        let changed = Event::new(EventKind::Modify(ModifyKind::Any));
        assert!(!ends(&changed.add_path(folder.to_owned()), folder));
    }

    #[test]
    fn a_window_is_polled_four_times_and_at_least_every_two_seconds() {
        let poll = |seconds| Watch::new(Path::new("/r"), Duration::from_secs(seconds)).poll;
        assert_eq!(poll(4), Duration::from_secs(1));
        assert_eq!(poll(3600), Watch::MAX_POLL);
        assert_eq!(poll(0), Duration::from_millis(1));
        assert_eq!(Watch::remote(Duration::from_secs(4)).poll, poll(4));
    }
}
