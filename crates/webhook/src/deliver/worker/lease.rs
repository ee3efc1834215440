//! How deliveries come into a worker's hands.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use polywire_core::Result;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::endpoints::Told;
use super::{Phase, Worker};
use crate::clock::later;
use crate::deliver::DeliverOptions;
use crate::record::{Leased, SubscriptionId};
use crate::store::{LeaseAsk, LeasedBatch, Of};

/// The most times that are remembered for which something is due; the rest is found by asking now and then.
const MAX_DUES: usize = 10_000;
/// How far apart they are.
const GRAIN: i64 = 5;

/// When to lease.
#[derive(Debug)]
pub(super) struct Leasing {
    /// Whether there may be something.
    pub(super) want: bool,
    busy: bool,
    backoff: Backoff,
    /// When to ask although nobody said that there is something.
    poll: Instant,
    /// When something is due that this worker will try again, in milliseconds.
    dues: BTreeSet<i64>,
    /// About the largest body lately, in bytes.
    largest: usize,
    /// How many of one subscription were asked for last.
    share: usize,
}

impl Leasing {
    pub(super) fn new() -> Self {
        Self {
            want: true,
            busy: false,
            backoff: Backoff::default(),
            poll: Instant::now(),
            dues: BTreeSet::new(),
            largest: 256 * 1024,
            share: 0,
        }
    }

    /// Something will be due after so long.
    pub(super) fn due(&mut self, now: Timestamp, after: Duration) {
        let due = later(now, after).as_millisecond() + 1;
        // Up to the next whole grain: many retries are few times.
        let due = due.saturating_add(GRAIN - due.rem_euclid(GRAIN));
        if self.dues.len() < MAX_DUES {
            self.dues.insert(due);
        }
    }

    pub(super) fn next(&self, phase: Phase, at: impl Fn(Timestamp) -> Instant) -> Option<Instant> {
        if phase != Phase::Working {
            return None;
        }
        let due = self.dues.first().copied();
        let due = due.and_then(|due| Timestamp::from_millisecond(due).ok());
        let backoff = self.backoff.until().filter(|_| self.want);
        let times = [Some(self.poll), due.map(at), backoff];
        times.into_iter().flatten().min()
    }
}

impl Worker {
    /// Notices what time has brought.
    pub(super) fn wake(&mut self, now: Timestamp) {
        let leasing = &mut self.leasing;
        while leasing
            .dues
            .first()
            .is_some_and(|due| *due <= now.as_millisecond())
        {
            leasing.dues.pop_first();
            leasing.want = true;
        }
        if leasing.poll <= Instant::now() {
            leasing.poll = Instant::now() + self.options.poll;
            leasing.want = true;
        }
        while let Some(id) = self.places.waited(now) {
            self.places.enter(&id);
            self.look(&id);
        }
    }

    /// Notes whether an endpoint has enough.
    pub(super) fn look(&mut self, id: &SubscriptionId) {
        self.leasing.want |= self.places.look(id, self.ahead());
    }

    /// Asks for deliveries when there is room for them.
    pub(super) fn lease(&mut self) {
        let leasing = &self.leasing;
        let idle = leasing.want && !leasing.busy && leasing.backoff.until().is_none();
        if !idle || self.phase != Phase::Working {
            return;
        }
        let Some(limit) = self.room() else {
            return;
        };
        self.leasing.busy = true;
        self.leasing.want = false;
        self.leasing.share = self.ahead();
        self.leasing.poll = Instant::now() + self.options.poll;
        let ask = LeaseAsk {
            limit,
            per_subscription: self.leasing.share,
            lease: self.options.lease,
            of: Of::AllBut(self.places.shut()),
        };
        let (store, asked) = (self.store.clone(), Instant::now());
        let answer = async move { Told::Leased(asked, store.lease(&ask).await) };
        self.asked.push(Box::pin(answer));
    }

    /// The most that are in its hands: as many again wait as are under way.
    fn most(&self) -> usize {
        self.options.concurrency.saturating_mul(2)
    }

    /// How many of one subscription are leased ahead: more while few others need room, so that a fast endpoint does not wait
    /// for the store.
    fn ahead(&self) -> usize {
        let DeliverOptions { ahead, batch, .. } = self.options;
        if self.hands.len() <= self.most() / 4 {
            ahead.saturating_mul(4).min(batch).max(ahead)
        } else {
            ahead
        }
    }

    /// How many to ask for, when it is worth asking.
    fn room(&self) -> Option<usize> {
        let options = &self.options;
        let most = self.most();
        let room = most.saturating_sub(self.hands.len());
        if room < options.batch.min(most.div_ceil(4)) {
            return None;
        }
        let bytes = options.bytes.saturating_sub(self.hands.bytes());
        let bodies = bytes / self.leasing.largest.max(1);
        if bodies == 0 && self.hands.len() > 0 {
            return None;
        }
        Some(options.batch.min(room).min(bodies.max(1)))
    }

    pub(super) fn leased(&mut self, asked: Instant, batch: Result<LeasedBatch>) {
        self.leasing.busy = false;
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                self.leasing.want = true;
                let what = "no webhook deliveries can be leased";
                self.leasing.backoff.failed(what, &error);
                return;
            }
        };
        self.leasing.backoff.succeeded();
        self.leasing.want |= batch.more;
        let mut given: HashMap<SubscriptionId, usize> = HashMap::new();
        let mut largest = self.leasing.largest / 2;
        for leased in batch.deliveries {
            let body = leased.delivery.body.as_ref();
            largest = largest.max(body.map_or(0, bytes::Bytes::len));
            *given
                .entry(leased.delivery.subscription.clone())
                .or_default() += 1;
            self.take(leased, asked);
        }
        self.leasing.largest = largest;
        for (id, given) in &given {
            self.open(id);
            if let Some(place) = self.places.get(id) {
                place.backlog |= *given >= self.leasing.share;
            }
            if self.phase == Phase::Stopping {
                self.release(id, Duration::ZERO);
            }
        }
        self.serve(self.now());
        for id in given.keys() {
            self.look(id);
        }
        self.places.shrink(self.options.endpoints);
    }

    fn take(&mut self, leased: Leased, asked: Instant) {
        self.hands.take(&leased, asked);
        let place = self.places.get_or_new(&leased.delivery.subscription);
        place.used = asked;
        place.queue.push_back(leased);
    }
}
