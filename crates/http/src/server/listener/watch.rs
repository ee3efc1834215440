//! What connections do, so that those that do nothing can be let go of.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

/// What one connection does, noted by itself and read by the watch.
#[derive(Debug, Default)]
pub(in crate::server) struct Activity {
    /// Bytes read so far.
    pub(super) read: AtomicU64,
    /// `read` when the latest request began or ended: what came after it belongs to the head of the next one.
    mark: AtomicU64,
    /// Requests begun so far.
    requests: AtomicU64,
    /// Requests whose answer has not gone out.
    busy: AtomicUsize,
    http2: AtomicBool,
    order: AtomicU8,
    pub(super) waker: AtomicWaker,
}

const GO_ON: u8 = 0;
const FINISH: u8 = 1;
const CUT: u8 = 2;

/// What a connection was told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    GoOn,
    /// End after what runs.
    Finish,
    /// End now.
    Cut,
}

impl Activity {
    /// A request begins; it ends when the mark is dropped.
    pub(in crate::server) fn begin(self: &Arc<Self>, http2: bool) -> Busy {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.mark
            .store(self.read.load(Ordering::Relaxed), Ordering::Relaxed);
        if http2 {
            self.http2.store(true, Ordering::Relaxed);
        }
        Busy(self.clone())
    }

    pub(super) fn order(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            GO_ON => Order::GoOn,
            FINISH => Order::Finish,
            _ => Order::Cut,
        }
    }

    fn tell(&self, order: u8) {
        if self.order.fetch_max(order, Ordering::AcqRel) < order {
            self.waker.wake();
        }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0
            .mark
            .store(self.0.read.load(Ordering::Relaxed), Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The connections of a listener.
#[derive(Debug, Default)]
pub(super) struct Connections {
    all: Mutex<HashMap<u64, Watched>>,
    ids: AtomicU64,
    finishing: AtomicBool,
    left: Notify,
}

#[derive(Debug)]
struct Watched {
    activity: Arc<Activity>,
    /// The requests begun at the latest look, and since when nothing has changed.
    requests: u64,
    quiet_since: Instant,
    /// Since when the head of a request is under way.
    partial_since: Option<Instant>,
    finishing_since: Option<Instant>,
}

/// A connection among the others; leaves when dropped.
#[derive(Debug)]
pub(super) struct Entered {
    connections: Arc<Connections>,
    id: u64,
    pub(super) activity: Arc<Activity>,
}

impl Connections {
    pub(super) fn enter(self: &Arc<Self>) -> Entered {
        let (id, activity) = (
            self.ids.fetch_add(1, Ordering::Relaxed),
            Arc::new(Activity::default()),
        );
        let now = Instant::now();
        let watched = Watched {
            activity: activity.clone(),
            requests: 0,
            quiet_since: now,
            partial_since: Some(now),
            finishing_since: None,
        };
        self.all.lock().insert(id, watched);
        if self.finishing.load(Ordering::Acquire) {
            activity.tell(FINISH);
        }
        Entered {
            connections: self.clone(),
            id,
            activity,
        }
    }

    pub(super) fn finish(&self) {
        self.finishing.store(true, Ordering::Release);
        for watched in self.all.lock().values() {
            watched.activity.tell(FINISH);
        }
    }

    pub(super) fn cut(&self) {
        for watched in self.all.lock().values() {
            watched.activity.tell(CUT);
        }
    }

    pub(super) async fn emptied(&self) {
        loop {
            let mut left = std::pin::pin!(self.left.notified());
            // Registered before the look, so that a leave in between is not missed.
            left.as_mut().enable();
            if self.all.lock().is_empty() {
                return;
            }
            left.await;
        }
    }

    fn look(&self, head: Duration, idle: Duration) {
        let now = Instant::now();
        for watched in self.all.lock().values_mut() {
            watched.judge(now, head, idle);
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut all = self.connections.all.lock();
        all.remove(&self.id);
        if all.is_empty() {
            self.connections.left.notify_waiters();
        }
    }
}

impl Watched {
    fn judge(&mut self, now: Instant, head: Duration, idle: Duration) {
        let activity = &self.activity;
        let requests = activity.requests.load(Ordering::Relaxed);
        if activity.busy.load(Ordering::Relaxed) > 0 || requests != self.requests {
            (self.requests, self.quiet_since) = (requests, now);
            (self.partial_since, self.finishing_since) = (None, None);
            return;
        }
        // On HTTP/2 what is read between requests may be pings; before the first request anything is its head.
        let partial = requests == 0
            || !activity.http2.load(Ordering::Relaxed)
                && activity.read.load(Ordering::Relaxed) > activity.mark.load(Ordering::Relaxed);
        if partial {
            let since = *self.partial_since.get_or_insert(now);
            if now - since >= head {
                activity.tell(CUT);
            }
        } else {
            self.partial_since = None;
        }
        if now - self.quiet_since >= idle {
            activity.tell(FINISH);
            // Whoever does not read its last answer is not waited for.
            if now - *self.finishing_since.get_or_insert(now) >= head {
                activity.tell(CUT);
            }
        }
    }
}

/// Looks at all connections from time to time, until they are let go of.
pub(super) async fn look_after(
    connections: Weak<Connections>,
    head: Duration,
    idle: Duration,
    stop: CancellationToken,
) {
    let period = (head.min(idle) / 2).clamp(Duration::from_millis(10), Duration::from_secs(5));
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        match connections.upgrade() {
            Some(connections) => connections.look(head, idle),
            None => return,
        }
    }
}
