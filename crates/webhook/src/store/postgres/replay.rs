//! Finished deliveries, queued again.

use sqlx::PgConnection;

use super::order::{lock, promote};
use super::{Failed, notify};
use crate::record::{DeliveryId, DeliveryState};
use crate::store::plan::{count, signed};
use crate::store::{Replay, Replayed, Which};

pub(super) async fn replay(
    on: &mut PgConnection,
    replay: &Replay,
    now: Option<i64>,
) -> Result<Replayed, Failed> {
    let found = find(on, replay).await?;
    lock(on, &found).await?;
    let rows: Vec<(i64, Option<String>)> = sqlx::query_as(
        "update polywire_webhook.delivery set state = case when ordering is null then 1 else 0 end,
             due = coalesce($1, (extract(epoch from clock_timestamp()) * 1000)::bigint),
             attempts = 0, finished = null, reason = null
         where id = any($2) and state > 2 and body is not null returning subscription, ordering",
    )
    .bind(now)
    .bind(&found)
    .fetch_all(&mut *on)
    .await?;
    let replayed = rows.len();
    let (subscriptions, keys) = rows
        .into_iter()
        .filter_map(|(subscription, key)| Some((subscription, key?)))
        .unzip();
    promote(on, subscriptions, keys).await?;
    notify(on).await?;
    let next = found.last().filter(|_| found.len() == replay.limit);
    Ok(Replayed {
        count: replayed,
        next: next.map(|id| DeliveryId(*id)),
    })
}

async fn find(on: &mut PgConnection, replay: &Replay) -> Result<Vec<i64>, Failed> {
    let (mut one, mut subscription, mut range, mut since) = (None, None, None, None);
    match &replay.which {
        Which::One(id) => one = Some(id.0),
        Which::Range {
            subscription: whose,
            from,
            to,
        } => {
            subscription = Some(whose.as_str());
            range = Some((signed(*from), signed(*to)));
        }
        Which::Since {
            subscription: whose,
            at,
        } => {
            subscription = Some(whose.as_str());
            since = Some(at.as_millisecond());
        }
    }
    let states: Vec<i16> = replay
        .states
        .iter()
        .copied()
        .map(DeliveryState::number)
        .collect();
    Ok(sqlx::query_scalar(
        "select d.id from polywire_webhook.delivery d
         where d.id > $1 and d.state > 2 and d.state = any($2) and d.body is not null
             and ($3::bigint is null or d.id = $3)
             and ($4::text is null or d.subscription = (select number from polywire_webhook.subscription where id = $4))
             and ($5::bigint is null or d.sequence between $5 and $6)
             and ($7::bigint is null or d.created >= $7)
         order by d.id limit $8",
    )
    .bind(replay.after.map_or(0, |after| after.0))
    .bind(states)
    .bind(one)
    .bind(subscription)
    .bind(range.map(|range| range.0))
    .bind(range.map(|range| range.1))
    .bind(since)
    .bind(count(replay.limit))
    .fetch_all(on)
    .await?)
}
