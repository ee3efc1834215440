//! What came of leases.

use std::collections::HashSet;

use sqlx::PgConnection;

use super::order::{lock, promote};
use super::{Failed, Sql, notify};
use crate::record::{Settlement, SubscriptionId};
use crate::store::plan::{millis, shortened, signed, written};

/// Which were carried out, and whether deliveries became ready by it.
pub(super) async fn settle(
    on: &mut PgConnection,
    sql: &Sql,
    settlements: &[Settlement],
    now: Option<i64>,
) -> Result<(Vec<bool>, bool), Failed> {
    let ids: Vec<i64> = settlements
        .iter()
        .map(|settlement| settlement.claim.id.0)
        .collect();
    lock(on, sql, &ids).await?;
    let settled = write(on, sql, settlements, now).await?;
    let done: HashSet<i64> = settled.iter().map(|row| row.0).collect();
    note(
        on,
        sql,
        settlements
            .iter()
            .filter(|settlement| done.contains(&settlement.claim.id.0)),
    )
    .await?;
    let (subscriptions, keys) = settled
        .into_iter()
        .filter(|(_, _, _, state)| *state > 2)
        .filter_map(|(_, subscription, key, _)| Some((subscription, key?)))
        .unzip();
    let promoted = promote(on, sql, subscriptions, keys).await?;
    let readied = promoted
        || settlements.iter().any(|settlement| {
            let written = written(settlement);
            !written.state.is_finished() && written.delay == 0
        });
    if readied {
        notify(on, sql).await?;
    }
    Ok((ids.iter().map(|id| done.contains(id)).collect(), readied))
}

async fn write(
    on: &mut PgConnection,
    sql: &Sql,
    settlements: &[Settlement],
    now: Option<i64>,
) -> Result<Vec<(i64, i64, Option<String>, i16)>, Failed> {
    let (mut ids, mut fences, mut states) = (Vec::new(), Vec::new(), Vec::new());
    let (mut delays, mut reasons, mut uncounted) = (Vec::new(), Vec::new(), Vec::new());
    for settlement in settlements {
        let written = written(settlement);
        ids.push(settlement.claim.id.0);
        fences.push(signed(settlement.claim.fence));
        states.push(written.state.number());
        delays.push(written.delay);
        reasons.push(written.reason);
        uncounted.push(written.uncounted);
    }
    // `+ 0`: by its number, not by the index of all that are leased.
    Ok(sqlx::query_as(&sql.of(
        "update polywire_webhook.delivery d
         set state = n.state, due = t.now + n.delay, finished = case when n.state > 2 then t.now end,
             reason = n.reason, attempts = d.attempts - n.uncounted, lease_until = null
         from (select coalesce($1, (extract(epoch from clock_timestamp()) * 1000)::bigint) as now) t,
             unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::bigint[], $6::text[], $7::integer[])
             n (id, fence, state, delay, reason, uncounted)
         where d.id = n.id and d.fence = n.fence and d.state + 0 = 2
         returning d.id, d.subscription, d.ordering, d.state",
    ))
    .bind(now)
    .bind(ids)
    .bind(fences)
    .bind(states)
    .bind(delays)
    .bind(reasons)
    .bind(uncounted)
    .fetch_all(on)
    .await?)
}

/// Those that a consumer has fetched by itself.
pub(super) async fn acknowledge(
    on: &mut PgConnection,
    sql: &Sql,
    id: &SubscriptionId,
    sequences: &[u64],
    now: Option<i64>,
) -> Result<Vec<bool>, Failed> {
    let asked: Vec<i64> = sequences.iter().map(|sequence| signed(*sequence)).collect();
    let ids: Vec<i64> = sqlx::query_scalar(&sql.of(
        "select id from polywire_webhook.delivery where sequence = any($2) and state <> 3
             and subscription = (select number from polywire_webhook.subscription where id = $1)",
    ))
    .bind(id.as_str())
    .bind(&asked)
    .fetch_all(&mut *on)
    .await?;
    lock(on, sql, &ids).await?;
    // Another fence: a worker that has it settles nothing any more.
    let rows: Vec<(i64, i64, Option<String>)> = sqlx::query_as(&sql.of(
        "update polywire_webhook.delivery set state = 3, reason = null, lease_until = null, fence = fence + 1,
             finished = coalesce($1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
         where id = any($2) and state <> 3 returning sequence, subscription, ordering",
    ))
    .bind(now)
    .bind(ids)
    .fetch_all(&mut *on)
    .await?;
    let mut done: HashSet<i64> = rows.iter().map(|row| row.0).collect();
    let (subscriptions, keys) = rows
        .into_iter()
        .filter_map(|(_, subscription, key)| Some((subscription, key?)))
        .unzip();
    if promote(on, sql, subscriptions, keys).await? {
        notify(on, sql).await?;
    }
    // Named twice, it was done by the first.
    Ok(asked.iter().map(|sequence| done.remove(sequence)).collect())
}

async fn note(
    on: &mut PgConnection,
    sql: &Sql,
    settled: impl Iterator<Item = &Settlement>,
) -> Result<(), Failed> {
    let (mut ids, mut fences, mut ats) = (Vec::new(), Vec::new(), Vec::new());
    let (mut tooks, mut outcomes) = (Vec::new(), Vec::new());
    for settlement in settled {
        if let Some(attempt) = &settlement.attempt {
            ids.push(settlement.claim.id.0);
            fences.push(signed(settlement.claim.fence));
            ats.push(attempt.at.as_millisecond());
            tooks.push(millis(attempt.took));
            outcomes.push(shortened(&attempt.outcome));
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(&sql.of(
        "insert into polywire_webhook.attempt (delivery, number, at, took, outcome)
         select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])",
    ))
    .bind(ids)
    .bind(fences)
    .bind(ats)
    .bind(tooks)
    .bind(outcomes)
    .execute(on)
    .await?;
    Ok(())
}
