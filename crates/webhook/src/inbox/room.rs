//! How much room a queue has.
//!
//! What this process puts and settles is counted as it happens; what others do is seen when the store is asked, so that
//! together they may go beyond a bound by what they put within a second.

use std::sync::Arc;
use std::time::Duration;

use polywire_core::{Bounds, Result};
use tokio::time::Instant;

use super::Queue;
use super::shared::{Shared, gone};
use crate::record::SubscriptionId;
use crate::store::Backlog;

/// How old a count may be.
const COUNTED: Duration = Duration::from_secs(1);
/// How old a count may be by which something is refused.
const COUNTED_FULL: Duration = Duration::from_millis(50);

/// How much of a queue is kept, as far as this process knows.
#[derive(Default)]
pub(super) struct Kept {
    backlog: Backlog,
    /// What is being put, and may be counted by the store or not.
    arriving: Backlog,
    counted: Option<Instant>,
    counting: bool,
}

impl Kept {
    fn is_full(&self, size: usize, bounds: &Bounds) -> bool {
        self.backlog.deliveries >= bounds.max_messages
            || self.backlog.bytes.saturating_add(size) > bounds.max_bytes
            || self.backlog.letters >= bounds.max_letters
    }

    /// A message is done with, or is a letter now.
    pub(super) fn finished(&mut self, size: usize, is_letter: bool) {
        take(&mut self.backlog, size);
        self.backlog.letters += usize::from(is_letter);
    }

    /// The store is to be asked before the next decision.
    pub(super) fn recount(&mut self) {
        self.counted = None;
    }
}

fn add(backlog: &mut Backlog, size: usize) {
    backlog.deliveries += 1;
    backlog.bytes = backlog.bytes.saturating_add(size);
}

fn take(backlog: &mut Backlog, size: usize) {
    backlog.deliveries = backlog.deliveries.saturating_sub(1);
    backlog.bytes = backlog.bytes.saturating_sub(size);
}

/// Room for a message that is being put; given back when it is dropped, unless the message is kept.
pub(super) struct Reserved {
    shared: Arc<Shared>,
    line: SubscriptionId,
    size: usize,
    /// Whether it is kept, and then whether as a letter.
    kept: Option<bool>,
}

impl Reserved {
    /// The message is new, and kept as one to hand out or as a letter.
    pub(super) fn keep(mut self, as_letter: bool) {
        self.kept = Some(as_letter);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        let Some(line) = state.lines.get_mut(&self.line) else {
            return;
        };
        take(&mut line.kept.arriving, self.size);
        match self.kept {
            Some(false) => {}
            Some(true) => line.kept.finished(self.size, true),
            None => take(&mut line.kept.backlog, self.size),
        }
    }
}

/// One who asks the store; others go by what is known meanwhile.
struct Counting<'a> {
    shared: &'a Shared,
    line: &'a SubscriptionId,
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        if let Some(line) = self.shared.state.lock().lines.get_mut(self.line) {
            line.kept.counting = false;
        }
    }
}

impl Shared {
    /// Takes room for a message of so many bytes; `None` when there is none.
    pub(super) async fn reserve(
        self: &Arc<Self>,
        queue: &Queue,
        size: usize,
    ) -> Result<Option<Reserved>> {
        loop {
            let counting = {
                let mut state = self.state.lock();
                let line = state.lines.get_mut(&queue.id).ok_or_else(|| gone(queue))?;
                let kept = &mut line.kept;
                let full = kept.is_full(size, &self.bounds);
                let age = if full { COUNTED_FULL } else { COUNTED };
                let fresh = kept.counted.is_some_and(|at| at.elapsed() < age);
                if fresh || kept.counting {
                    if full {
                        return Ok(None);
                    }
                    add(&mut kept.backlog, size);
                    add(&mut kept.arriving, size);
                    return Ok(Some(Reserved {
                        shared: self.clone(),
                        line: queue.id.clone(),
                        size,
                        kept: None,
                    }));
                }
                kept.counting = true;
                Counting {
                    shared: self,
                    line: &queue.id,
                }
            };
            self.count(&queue.id).await?;
            drop(counting);
        }
    }

    /// Asks the store how much it keeps.
    pub(super) async fn count(&self, id: &SubscriptionId) -> Result<()> {
        let found = self.store.backlog(id).await?;
        let mut state = self.state.lock();
        if let Some(line) = state.lines.get_mut(id) {
            let kept = &mut line.kept;
            kept.backlog = Backlog {
                deliveries: found.deliveries + kept.arriving.deliveries,
                bytes: found.bytes.saturating_add(kept.arriving.bytes),
                letters: found.letters,
            };
            kept.counted = Some(Instant::now());
        }
        Ok(())
    }
}
