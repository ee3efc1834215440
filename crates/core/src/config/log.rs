//! An append-only list that is written through `&self` from any thread, without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bucket `n` holds `FIRST << n` entries.
const FIRST: usize = 32;
const BUCKETS: usize = 20;

/// Entries are kept in buckets that double in size and never move. A reader may miss an entry that another thread
/// is appending at this moment, but sees all of its own thread's.
pub(super) struct Log<T> {
    len: AtomicUsize,
    buckets: [OnceLock<Box<[OnceLock<T>]>>; BUCKETS],
}

impl<T> Log<T> {
    pub(super) fn new() -> Self {
        Self {
            len: AtomicUsize::new(0),
            buckets: [const { OnceLock::new() }; BUCKETS],
        }
    }

    /// Appends; beyond the capacity of 33 million entries the entry is dropped.
    pub(super) fn push(&self, entry: T) {
        let index = self.len.fetch_add(1, Ordering::AcqRel);
        let (bucket, slot) = place(index);
        let Some(bucket_cell) = self.buckets.get(bucket) else {
            return;
        };
        let slots =
            bucket_cell.get_or_init(|| (0..FIRST << bucket).map(|_| OnceLock::new()).collect());
        // An index is handed out once, so the slot is free.
        let _ = slots[slot].set(entry);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len.load(Ordering::Acquire)).filter_map(|index| {
            let (bucket, slot) = place(index);
            self.buckets.get(bucket)?.get()?.get(slot)?.get()
        })
    }
}

fn place(index: usize) -> (usize, usize) {
    let scaled = index / FIRST + 1;
    let bucket = scaled.ilog2() as usize;
    (bucket, index - FIRST * ((1 << bucket) - 1))
}

#[cfg(test)]
mod tests {
    use super::Log;

    #[test]
    fn keeps_every_entry_in_order() {
        let log = Log::new();
        for n in 0..5000 {
            log.push(n);
        }
        assert!(log.iter().copied().eq(0..5000));
    }

    #[test]
    fn threads_append_together() {
        let log = Log::new();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let log = &log;
                scope.spawn(move || (0..1000).for_each(|n| log.push(thread * 1000 + n)));
            }
        });
        let mut all: Vec<_> = log.iter().copied().collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..4000));
    }
}
