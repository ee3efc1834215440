//! Finished deliveries, queued again.

use jiff::Timestamp;
use sqlx::PgConnection;

use super::order::{lock, promote};
use super::{Failed, Sql, notify};
use crate::record::DeliveryId;
use crate::store::plan::{count, is_in, signed};
use crate::store::{Replay, Replayed, Which};

pub(super) async fn replay(
    on: &mut PgConnection,
    sql: &Sql,
    replay: &Replay,
    now: Option<i64>,
) -> Result<Replayed, Failed> {
    let found = find(on, sql, replay).await?;
    let next = found.last().filter(|_| found.len() == replay.limit);
    let next = next.map(|id| DeliveryId(*id));
    if replay.dry {
        let count = found.len();
        return Ok(Replayed { count, next });
    }
    lock(on, sql, &found).await?;
    let rows: Vec<(i64, Option<String>)> = sqlx::query_as(&sql.of(
        "update polywire_webhook.delivery set state = case when ordering is null then 1 else 0 end,
             due = coalesce($1, (extract(epoch from clock_timestamp()) * 1000)::bigint),
             attempts = 0, finished = null, reason = null
         where id = any($2) and state > 2 and body is not null returning subscription, ordering",
    ))
    .bind(now)
    .bind(&found)
    .fetch_all(&mut *on)
    .await?;
    let count = rows.len();
    let (subscriptions, keys) = rows
        .into_iter()
        .filter_map(|(subscription, key)| Some((subscription, key?)))
        .unzip();
    promote(on, sql, subscriptions, keys).await?;
    notify(on, sql).await?;
    Ok(Replayed { count, next })
}

async fn find(on: &mut PgConnection, sql: &Sql, replay: &Replay) -> Result<Vec<i64>, Failed> {
    const WHOSE: &str =
        "d.subscription = (select number from polywire_webhook.subscription where id = $4)";
    let condition = match &replay.which {
        Which::One(_) => "d.id = $4".to_owned(),
        Which::Range { .. } => format!("{WHOSE} and d.sequence between $5 and $6"),
        Which::Since { .. } => format!("{WHOSE} and d.created >= $5"),
    };
    let text = sql.put(&format!(
        "select d.id from polywire_webhook.delivery d
         where d.id > $1 and d.created < $3 and {condition} and d.state > 2 and {} and d.body is not null order by d.id limit $2",
        is_in(&replay.states)
    ));
    let asked = sqlx::query_scalar(&text)
        .bind(replay.after.map_or(0, |after| after.0))
        .bind(count(replay.limit))
        .bind(replay.before.unwrap_or(Timestamp::MAX).as_millisecond());
    let asked = match &replay.which {
        Which::One(id) => asked.bind(id.0),
        Which::Range {
            subscription,
            from,
            to,
        } => asked
            .bind(subscription.as_str())
            .bind(signed(*from))
            .bind(signed(*to)),
        Which::Since { subscription, at } => {
            asked.bind(subscription.as_str()).bind(at.as_millisecond())
        }
    };
    Ok(asked.fetch_all(on).await?)
}
