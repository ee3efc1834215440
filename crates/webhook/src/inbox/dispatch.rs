//! The task that leases messages for members with room, and hands them out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::fate::Outcome;
use super::held::{Held, Ticket};
use super::seat::Place;
use super::settle::{Asked, Settler};
use super::shared::Shared;
use crate::record::{Leased, SubscriptionId};
use crate::store::{LeaseAsk, LeasedBatch, MAX_BATCH, Of, Wakes};

/// How many queues are asked for at once: a store looks at no more than a thousand.
const TOGETHER: usize = 500;
/// The longest wait after the store has failed.
const MAX_WAIT: Duration = Duration::from_secs(5);

pub(super) async fn dispatch(shared: Arc<Shared>, settler: Settler) {
    let mut wakes = shared.store.wakes();
    let mut poll = Instant::now();
    let mut failures: u32 = 0;
    while !shared.ended.is_cancelled() {
        let now = Instant::now();
        if now >= poll {
            poll = now + shared.options.poll;
            shared.state.lock().ready_all();
        }
        let asks = shared.asks(now);
        if asks.is_empty() {
            wait(&shared, &mut wakes, poll).await;
            continue;
        }
        let mut failed = false;
        for ask in asks {
            if failed {
                shared.failed(&ask);
                continue;
            }
            // Never dropped half way: what was leased is handed out.
            match shared.store.lease(&ask).await {
                Ok(batch) => shared.hand_out(&ask, batch, &settler),
                Err(error) => {
                    if failures == 0 {
                        tracing::warn!(%error, "no message can be leased; trying again until it can be");
                    }
                    shared.failed(&ask);
                    failed = true;
                }
            }
        }
        shared.state.lock().leasing = false;
        shared.handed.notify_waiters();
        failures = if failed {
            failures.saturating_add(1)
        } else {
            0
        };
        if failed {
            let doubled = 2_u32.saturating_pow(failures);
            let wait = shared.options.poll.saturating_mul(doubled);
            tokio::select! {
                () = shared.ended.cancelled() => {}
                () = sleep(wait.min(MAX_WAIT)) => {}
            }
        }
    }
}

async fn wait(shared: &Shared, wakes: &mut Wakes, poll: Instant) {
    let (has_room, due) = {
        let state = shared.state.lock();
        (state.has_room(), state.next_due())
    };
    let until = due.map_or(poll, |due| due.min(poll));
    tokio::select! {
        () = shared.ended.cancelled() => {}
        () = shared.look.notified() => {}
        () = wakes.next() => shared.state.lock().ready_all(),
        () = sleep_until(until), if has_room => {}
    }
}

impl Shared {
    /// What to ask for: of queues with about as much room at once, so that one with little does not hold up the others.
    fn asks(&self, now: Instant) -> Vec<LeaseAsk> {
        let mut state = self.state.lock();
        if state.next_due().is_some_and(|due| due <= now) {
            state.forget_dues(now);
            state.ready_all();
        }
        let mut by_room: BTreeMap<u32, (usize, Vec<SubscriptionId>)> = BTreeMap::new();
        for (id, line) in &mut state.lines {
            if !line.ready || line.room == 0 {
                continue;
            }
            line.ready = false;
            let room = line.room.min(MAX_BATCH);
            let (least, ids) = by_room
                .entry(room.ilog2())
                .or_insert_with(|| (room, Vec::new()));
            *least = room.min(*least);
            ids.push(id.clone());
        }
        state.leasing = !by_room.is_empty();
        let ask = |share: usize, ids: &[SubscriptionId]| LeaseAsk {
            limit: share.saturating_mul(ids.len()).min(MAX_BATCH),
            per_subscription: share,
            lease: self.options.lease,
            of: Of::Only(ids.to_vec()),
        };
        // Those with the most room first.
        let asks = by_room.values().rev();
        asks.flat_map(|(share, ids)| ids.chunks(TOGETHER).map(|ids| ask(*share, ids)))
            .collect()
    }

    /// Resolves when what is being leased now was handed out.
    pub(super) async fn until_handed(&self) {
        let mut handed = std::pin::pin!(self.handed.notified());
        // Registered before the look, so that the end of it is not missed.
        handed.as_mut().enable();
        if self.state.lock().leasing {
            tokio::select! {
                () = handed => {}
                () = self.ended.cancelled() => {}
            }
        }
    }

    /// What was asked for may still be there.
    fn failed(&self, ask: &LeaseAsk) {
        let mut state = self.state.lock();
        for id in ask.of.named() {
            if let Some(line) = state.lines.get_mut(id) {
                line.ready = true;
            }
        }
    }

    fn hand_out(self: &Arc<Self>, ask: &LeaseAsk, batch: LeasedBatch, settler: &Settler) {
        let mut found: HashMap<SubscriptionId, usize> = HashMap::new();
        let any = !batch.deliveries.is_empty();
        let mut placed: Vec<(Leased, Option<Place>)> = Vec::with_capacity(batch.deliveries.len());
        {
            let mut state = self.state.lock();
            for leased in batch.deliveries {
                *found
                    .entry(leased.delivery.subscription.clone())
                    .or_default() += 1;
                state.held.insert(leased.claim.id, leased.claim.fence);
                let place = state.place(self, &leased.delivery.subscription);
                placed.push((leased, place));
            }
            for id in ask.of.named() {
                if let Some(line) = state.lines.get_mut(id) {
                    let all = found.get(id) == Some(&ask.per_subscription);
                    line.ready |= all || (any && batch.more);
                }
            }
            state.changes += u64::from(any);
        }
        for (leased, place) in placed {
            match place {
                Some(place) => {
                    let seat = place.seat();
                    // Dropped, it goes back: its member has left.
                    drop(Place::hand(
                        Held::new(leased, place, settler.clone()),
                        &seat,
                    ));
                }
                None => settler.tell(Asked::new(Ticket::new(&leased, None), Outcome::Unread)),
            }
        }
    }
}
