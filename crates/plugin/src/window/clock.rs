use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A time since the machine was started, which goes on while it sleeps. It is never set back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(pub(super) u64);

impl BootTime {
    /// A time this long after the start; the longest is 584 years.
    #[must_use]
    pub fn after_start(elapsed: Duration) -> Self {
        Self(nanoseconds(elapsed))
    }

    /// A later time.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(by)))
    }

    /// An earlier time, the start at most.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(nanoseconds(by)))
    }

    /// How long after another time it is, zero when it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for BootTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Duration::from_nanos(self.0), f)
    }
}

pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Tells the time since the machine was started. Injected, so that a machine sleeps in a test at once.
pub trait BootClock: Send + Sync + fmt::Debug + 'static {
    /// The time now.
    fn now(&self) -> BootTime;
}

/// The machine's own clock: on Linux `CLOCK_BOOTTIME`, since the monotonic one stands still while the machine sleeps, and one
/// that wakes up would carry on with what was replaced long ago.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemBootClock;

impl BootClock for SystemBootClock {
    fn now(&self) -> BootTime {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        let now = rustix::time::clock_gettime(CLOCK);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
        BootTime(
            seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(nanoseconds),
        )
    }
}

/// A clock that stands until it is told otherwise. Clones are one clock.
#[derive(Clone, Debug, Default)]
pub struct ManualBootClock(Arc<AtomicU64>);

impl ManualBootClock {
    /// A clock that stands at a time.
    #[must_use]
    pub fn at(time: BootTime) -> Self {
        Self(Arc::new(AtomicU64::new(time.0)))
    }

    /// Lets time pass, awake or asleep.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(nanoseconds(by), Ordering::SeqCst);
    }
}

impl BootClock for ManualBootClock {
    fn now(&self) -> BootTime {
        BootTime(self.0.load(Ordering::SeqCst))
    }
}
