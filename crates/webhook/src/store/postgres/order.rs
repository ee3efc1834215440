//! Keys: whose turn it is.

use sqlx::PgConnection;

use super::{Failed, Sql};

/// Locks the counters of the subscriptions whose ordered deliveries are among these, until the transaction ends: nobody
/// numbers or readies deliveries there in the meantime.
///
/// They are written, not only locked: a transaction above `read committed` that began earlier would else not notice, and have a
/// new delivery wait for one that is finished already.
pub(super) async fn lock(
    on: &mut PgConnection,
    sql: &Sql,
    deliveries: &[i64],
) -> Result<(), Failed> {
    sqlx::query(&sql.of(
        "with locked as (
             select subscription from polywire_webhook.counter where subscription in (
                 select subscription from polywire_webhook.delivery where id = any($1) and ordering is not null)
             order by subscription for update)
         update polywire_webhook.counter c set last = c.last from locked l where c.subscription = l.subscription",
    ))
    .bind(deliveries)
    .execute(on)
    .await?;
    Ok(())
}

/// Makes the first of each key ready that waits, where none is ready or leased; `true` when there was one.
pub(super) async fn promote(
    on: &mut PgConnection,
    sql: &Sql,
    subscriptions: Vec<i64>,
    keys: Vec<String>,
) -> Result<bool, Failed> {
    if keys.is_empty() {
        return Ok(false);
    }
    let promoted = sqlx::query(&sql.of(
        "update polywire_webhook.delivery set state = 1 where id in (
             select (select w.id from polywire_webhook.delivery w where w.subscription = k.subscription
                 and w.ordering = k.ordering collate \"C\" and w.ordering is not null and w.state < 3 and w.state = 0
                 order by w.sequence limit 1)
             from (select distinct * from unnest($1::bigint[], $2::text[])) k (subscription, ordering)
             where not exists (select 1 from polywire_webhook.delivery b where b.subscription = k.subscription
                 and b.ordering = k.ordering collate \"C\" and b.ordering is not null and b.state > 0 and b.state < 3))",
    ))
    .bind(subscriptions)
    .bind(keys)
    .execute(on)
    .await?;
    Ok(promoted.rows_affected() > 0)
}
