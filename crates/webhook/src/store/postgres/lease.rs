//! What workers get, and for how long.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::row::delivery;
use super::{Failed, Sql};
use crate::record::{Claim, DeliveryId, Leased, SubscriptionId};
use crate::store::plan::{count, millis, signed, time, unsigned};
use crate::store::{LeaseAsk, LeasedBatch, MAX_BATCH, Of};

/// Whose turn it is: the subscription that this process served last.
///
/// Apart for those who name theirs, or the others would begin behind the same one again and again.
#[derive(Debug, Default)]
pub(super) struct Turn([AtomicI64; 2]);

/// Of each subscription its share, until there are enough. `$ready` is from which to which is gone, `$open` which of them are not
/// passed over.
///
/// `offset 0` keeps the planner from any other order, in which every subscription would be looked at.
macro_rules! share {
    ($ready:literal, $open:literal) => {
        concat!(
            "with recursive t as materialized (
             select coalesce($1, (extract(epoch from clock_timestamp()) * 1000)::bigint) as now),
         ready (subscription) as (",
            $ready,
            "),
         picked as materialized (
             select d.id, s.id as whose, s.number from ready r
             cross join lateral (
                 select s.id, s.number from polywire_webhook.subscription s
                 where s.number = r.subscription and s.active and not s.stopped
                     and s.held_until <= (select now from t) and ",
            $open,
            "
                 offset 0) s
             cross join lateral (
                 select l.id from polywire_webhook.delivery l
                 where l.state = 1 and l.subscription = r.subscription and l.due <= (select now from t)
                 order by l.due, l.id limit $4 for update skip locked) d
             where r.subscription <= $3
             limit $6)
         update polywire_webhook.delivery d
         set state = 2, fence = fence + 1, attempts = attempts + 1, lease_until = (select now from t) + $7
         from picked p where d.id = p.id returning d.*, p.whose, p.number",
        )
    };
}

/// From one subscription with ready deliveries to the next by the index.
const ALL_BUT: &str = share!(
    "(select min(d.subscription) from polywire_webhook.delivery d where d.state = 1 and d.subscription > $2)
     union all
     select (select min(d.subscription) from polywire_webhook.delivery d
         where d.state = 1 and d.subscription > r.subscription)
     from ready r where r.subscription < $3",
    "s.id <> all ($5::text[])"
);
/// Those that are named.
const ONLY: &str = share!(
    "select n.number from polywire_webhook.subscription n
     where n.id = any ($5::text[]) and n.number > $2 order by n.number",
    "true"
);

pub(super) async fn lease(
    pool: &PgPool,
    sql: &Sql,
    ask: &LeaseAsk,
    turn: &Turn,
    now: Option<i64>,
) -> Result<LeasedBatch, Failed> {
    reclaim(pool, sql, now).await?;
    let turn = match ask.of {
        Of::AllBut(_) => &turn.0[0],
        Of::Only(_) => &turn.0[1],
    };
    let start = turn.load(Ordering::Relaxed);
    let mut batch = LeasedBatch::default();
    for (after, to) in [(start, i64::MAX), (0, start)] {
        let room = ask.limit - batch.deliveries.len();
        if room == 0 || after == to {
            continue;
        }
        let mut rows = take(pool, sql, ask, (after, to), room, now).await?;
        rows.sort_by_key(|(number, leased)| (*number, leased.delivery.due, leased.claim.id));
        if let Some((last, _)) = rows.last() {
            turn.store(*last, Ordering::Relaxed);
        }
        batch
            .deliveries
            .extend(rows.into_iter().map(|(_, leased)| leased));
    }
    batch.more = batch.deliveries.len() == ask.limit;
    Ok(batch)
}

/// Leases that have run out are free again.
async fn reclaim(pool: &PgPool, sql: &Sql, now: Option<i64>) -> Result<(), Failed> {
    sqlx::query(&sql.of(
        "with t as materialized (select coalesce($1, (extract(epoch from clock_timestamp()) * 1000)::bigint) as now)
         update polywire_webhook.delivery set state = 1, due = least(due, (select now from t)), lease_until = null
         where id in (select id from polywire_webhook.delivery where state = 2 and lease_until <= (select now from t)
             limit $2 for update skip locked)",
    ))
    .bind(now)
    .bind(count(MAX_BATCH))
    .execute(pool)
    .await?;
    Ok(())
}

async fn take(
    pool: &PgPool,
    sql: &Sql,
    ask: &LeaseAsk,
    (after, to): (i64, i64),
    limit: usize,
    now: Option<i64>,
) -> Result<Vec<(i64, Leased)>, Failed> {
    let named: Vec<&str> = ask.of.named().iter().map(SubscriptionId::as_str).collect();
    let share = match ask.of {
        Of::AllBut(_) => ALL_BUT,
        Of::Only(_) => ONLY,
    };
    let rows = sqlx::query(&sql.of(share))
        .bind(now)
        .bind(after)
        .bind(to)
        .bind(count(ask.per_subscription))
        .bind(named)
        .bind(count(limit))
        .bind(millis(ask.lease))
        .fetch_all(pool)
        .await?;
    rows.iter().map(leased).collect()
}

fn leased(row: &PgRow) -> Result<(i64, Leased), Failed> {
    let leased = Leased {
        claim: Claim {
            id: DeliveryId(row.try_get("id")?),
            fence: unsigned("a fence", row.try_get("fence")?)?,
        },
        delivery: delivery(row)?,
        until: time(row.try_get("lease_until")?)?,
    };
    Ok((row.try_get("number")?, leased))
}

pub(super) async fn extend(
    pool: &PgPool,
    sql: &Sql,
    claims: &[Claim],
    lease: Duration,
    now: Option<i64>,
) -> Result<Vec<bool>, Failed> {
    let (ids, fences): (Vec<i64>, Vec<i64>) = claims
        .iter()
        .map(|claim| (claim.id.0, signed(claim.fence)))
        .unzip();
    let extended: Vec<(i64, i64)> = sqlx::query_as(&sql.of("update polywire_webhook.delivery d
         set lease_until = coalesce($1, (extract(epoch from clock_timestamp()) * 1000)::bigint) + $4
         from unnest($2::bigint[], $3::bigint[]) c (id, fence)
         where d.id = c.id and d.fence = c.fence and d.state + 0 = 2 returning d.id, d.fence"))
    .bind(now)
    .bind(&ids)
    .bind(&fences)
    .bind(millis(lease))
    .fetch_all(pool)
    .await?;
    let extended: HashSet<(i64, i64)> = extended.into_iter().collect();
    let pairs = ids.into_iter().zip(fences);
    Ok(pairs.map(|pair| extended.contains(&pair)).collect())
}
