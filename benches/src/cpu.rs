//! CPU time of processes and of the machine, from `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// The CPU time that the threads of a process have used, in nanosecond steps.
///
/// # Errors
/// When `/proc` cannot be read, as on other systems than Linux.
pub fn of_process(pid: u32) -> io::Result<Duration> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        let first = text.split(' ').next().unwrap_or_default();
        total += first.parse::<u64>().map_err(io::Error::other)?;
    }
    Ok(Duration::from_nanos(total))
}

/// The CPU time that everything on the machine has used, over all its processors.
///
/// # Errors
/// When `/proc/stat` cannot be read.
pub fn of_machine() -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let ticks: u64 = line
        .split_ascii_whitespace()
        .skip(1)
        .enumerate()
        // 3 and 4 are idle and waiting for a disk; from 8 on, guests are counted a second time.
        .filter(|(at, _)| !matches!(at, 3 | 4 | 8..))
        .filter_map(|(_, ticks)| ticks.parse::<u64>().ok())
        .sum();
    // The kernel's user-visible tick is a hundredth of a second on every Linux of today.
    Ok(Duration::from_millis(ticks * 10))
}
