//! What workers get, and for how long.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::enqueue::fence;
use super::row::{DELIVERIES, DELIVERY, delivery};
use super::thread::Failed;
use crate::record::{Claim, DeliveryId, Leased, SubscriptionId};
use crate::store::plan::{count, millis, time, unsigned};
use crate::store::{LeaseAsk, LeasedBatch, Of};

/// How many subscriptions are looked at for one lease; the next one goes on behind them.
const VISITS: usize = 1000;

/// Whose turn it is: the subscription that was served last. Shared.
///
/// Apart for those who name theirs, or the others would begin behind the same one again and again.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn(Arc<[AtomicI64; 2]>);

/// The subscriptions to look at, by their numbers or but some.
enum Among<'a> {
    AllBut(HashSet<&'a str>),
    Only(BTreeSet<i64>),
}

pub(super) fn lease(
    on: &Connection,
    ask: &LeaseAsk,
    turn: &Turn,
    now: i64,
) -> Result<LeasedBatch, Failed> {
    reclaim(on, now)?;
    let (among, turn) = match &ask.of {
        Of::AllBut(ids) => {
            let ids = ids.iter().map(SubscriptionId::as_str);
            (Among::AllBut(ids.collect()), &turn.0[0])
        }
        Of::Only(ids) => (Among::Only(numbers(on, ids)?), &turn.0[1]),
    };
    let mut batch = LeasedBatch::default();
    let start = turn.load(Ordering::Relaxed);
    let (mut at, mut wrapped) = (start, false);
    for _ in 0..VISITS {
        if batch.deliveries.len() == ask.limit {
            batch.more = true;
            break;
        }
        match among.next(on, at)? {
            Some(subscription) if !wrapped || subscription <= start => {
                at = subscription;
                turn.store(at, Ordering::Relaxed);
                if is_open(on, subscription, now, &among)? {
                    let room = ask.limit - batch.deliveries.len();
                    let limit = room.min(ask.per_subscription);
                    take(on, subscription, limit, ask, now, &mut batch)?;
                }
            }
            None if !wrapped => {
                wrapped = true;
                at = 0;
            }
            _ => return Ok(batch),
        }
    }
    batch.more = true;
    Ok(batch)
}

/// Leases that have run out are free again.
fn reclaim(on: &Connection, now: i64) -> Result<(), Failed> {
    on.prepare_cached(
        "update delivery set state = 1, due = min(due, ?1), lease_until = null where state = 2 and lease_until <= ?1",
    )?
    .execute([now])?;
    Ok(())
}

impl Among<'_> {
    fn next(&self, on: &Connection, after: i64) -> Result<Option<i64>, Failed> {
        match self {
            Self::AllBut(_) => next_ready(on, after),
            Self::Only(numbers) => Ok(numbers.range(after + 1..).next().copied()),
        }
    }
}

fn numbers(on: &Connection, ids: &[SubscriptionId]) -> Result<BTreeSet<i64>, Failed> {
    let mut asked = on.prepare_cached("select number from subscription where id = ?1")?;
    let mut numbers = BTreeSet::new();
    for id in ids {
        let number: Option<i64> = asked
            .query_row([id.as_str()], |row| row.get(0))
            .optional()?;
        numbers.extend(number);
    }
    Ok(numbers)
}

/// The next subscription with deliveries that are ready, whether due or not.
fn next_ready(on: &Connection, after: i64) -> Result<Option<i64>, Failed> {
    Ok(on
        .prepare_cached(
            "select subscription from delivery where state = 1 and subscription > ?1 order by subscription limit 1",
        )?
        .query_row([after], |row| row.get(0))
        .optional()?)
}

fn is_open(
    on: &Connection,
    subscription: i64,
    now: i64,
    among: &Among<'_>,
) -> Result<bool, Failed> {
    let open: Option<String> = on
        .prepare_cached(
            "select id from subscription where number = ?1 and active = 1 and stopped = 0 and held_until <= ?2",
        )?
        .query_row([subscription, now], |row| row.get(0))
        .optional()?;
    Ok(open.is_some_and(|id| match among {
        Among::AllBut(except) => !except.contains(id.as_str()),
        Among::Only(_) => true,
    }))
}

fn take(
    on: &Connection,
    subscription: i64,
    limit: usize,
    ask: &LeaseAsk,
    now: i64,
    batch: &mut LeasedBatch,
) -> Result<(), Failed> {
    let until = now + millis(ask.lease);
    let due: Vec<i64> = on
        .prepare_cached(
            "select id from delivery where state = 1 and subscription = ?1 and due <= ?2 order by due, id limit ?3",
        )?
        .query_map(params![subscription, now, count(limit)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut take = on.prepare_cached(
        "update delivery set state = 2, fence = fence + 1, attempts = attempts + 1, lease_until = ?2 where id = ?1",
    )?;
    let mut asked = on.prepare_cached(&format!(
        "select {DELIVERY}, d.fence from {DELIVERIES} where d.id = ?1"
    ))?;
    for id in due {
        take.execute([id, until])?;
        let leased = asked.query_and_then([id], |row| leased(row, until))?.next();
        batch.deliveries.extend(leased.transpose()?);
    }
    Ok(())
}

fn leased(row: &Row<'_>, until: i64) -> Result<Leased, Failed> {
    Ok(Leased {
        claim: Claim {
            id: DeliveryId(row.get(0)?),
            fence: unsigned("a fence", row.get(16)?)?,
        },
        delivery: delivery(row)?,
        until: time(until)?,
    })
}

pub(super) fn extend(
    on: &Connection,
    claims: &[Claim],
    lease: Duration,
    now: i64,
) -> Result<Vec<bool>, Failed> {
    let until = now + millis(lease);
    let mut extend = on.prepare_cached(
        "update delivery set lease_until = ?3 where id = ?1 and fence = ?2 and state = 2",
    )?;
    let mut extended = Vec::with_capacity(claims.len());
    for claim in claims {
        let [id, fence] = fence(*claim);
        extended.push(extend.execute([id, fence, until])? == 1);
    }
    Ok(extended)
}
