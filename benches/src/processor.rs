//! Which processor runs which end of a call: each has its own, as if it were on another machine, so that neither waits for what
//! the scheduler thinks of the other.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors of a client and of its server; none where there are not two.
///
/// # Errors
/// When the system does not say.
pub fn ends() -> io::Result<Option<(usize, usize)>> {
    let allowed = sched_getaffinity(None)?;
    let mut processors = (0..CpuSet::MAX_CPU).filter(|one| allowed.is_set(*one));
    Ok(processors.next().zip(processors.next_back()))
}

/// Keeps the calling thread, and those and the processes that it starts later, on one processor.
///
/// # Errors
/// When the system refuses.
pub fn keep_to(processor: usize) -> io::Result<()> {
    let mut own = CpuSet::new();
    own.set(processor);
    Ok(sched_setaffinity(None, &own)?)
}
