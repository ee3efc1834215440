//! Deliveries to look at, and those that go.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::PgPool;

use super::row::delivery;
use super::{Failed, Sql};
use crate::record::{Attempt, Delivery, DeliveryId, DeliveryState};
use crate::store::plan::{count, is_in, signed, time, unsigned};
use crate::store::{MAX_BATCH, Page, Sweep, Swept};

pub(super) async fn get(
    pool: &PgPool,
    sql: &Sql,
    id: DeliveryId,
) -> Result<Option<Delivery>, Failed> {
    let row = sqlx::query(
        &sql.of("select d.*, s.id as whose from polywire_webhook.delivery d
         join polywire_webhook.subscription s on s.number = d.subscription where d.id = $1"),
    )
    .bind(id.0)
    .fetch_optional(pool)
    .await?;
    row.as_ref().map(delivery).transpose()
}

pub(super) async fn list(pool: &PgPool, sql: &Sql, page: &Page) -> Result<Vec<Delivery>, Failed> {
    let state = page.state.as_slice();
    let state = if state.is_empty() {
        String::new()
    } else {
        format!("and {}", is_in(state))
    };
    let rows = sqlx::query(&sql.put(&format!(
        "select d.*, s.id as whose from polywire_webhook.subscription s
         join polywire_webhook.delivery d on d.subscription = s.number
         where s.id = $1 and d.sequence > $2 {state} order by d.sequence limit $3"
    )))
    .bind(page.subscription.as_str())
    .bind(signed(page.after))
    .bind(count(page.limit))
    .fetch_all(pool)
    .await?;
    rows.iter().map(delivery).collect()
}

pub(super) async fn attempts(
    pool: &PgPool,
    sql: &Sql,
    id: DeliveryId,
) -> Result<Vec<Attempt>, Failed> {
    let rows: Vec<(i64, i64, String)> = sqlx::query_as(&sql.of(
        "select at, took, outcome from polywire_webhook.attempt where delivery = $1 order by number limit $2",
    ))
    .bind(id.0)
    .bind(count(MAX_BATCH))
    .fetch_all(pool)
    .await?;
    let attempt = |(at, took, outcome)| {
        Ok(Attempt {
            at: time(at)?,
            took: Duration::from_millis(unsigned("a duration", took)?),
            outcome,
        })
    };
    rows.into_iter().map(attempt).collect()
}

pub(super) async fn discard(pool: &PgPool, sql: &Sql, id: DeliveryId) -> Result<bool, Failed> {
    let gone = sqlx::query(
        &sql.of("delete from polywire_webhook.delivery where id = $1 and state + 0 > 2"),
    )
    .bind(id.0)
    .execute(pool)
    .await?;
    Ok(gone.rows_affected() == 1)
}

pub(super) async fn sweep(pool: &PgPool, sql: &Sql, sweep: &Sweep) -> Result<Swept, Failed> {
    let bodies = sqlx::query(&sql.of(
        "update polywire_webhook.delivery set body = null where id in (
             select id from polywire_webhook.delivery where state = 3 and body is not null and finished < $1
                 limit $2 for update skip locked)",
    ))
    .bind(sweep.bodies.as_millisecond())
    .bind(count(MAX_BATCH))
    .execute(pool)
    .await?;
    let many = |affected: u64| usize::try_from(affected).unwrap_or(usize::MAX);
    let mut swept = Swept {
        bodies: many(bodies.rows_affected()),
        deliveries: 0,
        more: many(bodies.rows_affected()) == MAX_BATCH,
    };
    for (state, before) in [
        (DeliveryState::Done, sweep.done),
        (DeliveryState::Dead, sweep.letters),
        (DeliveryState::Parked, sweep.letters),
    ] {
        let gone = many(delete(pool, sql, state, before).await?);
        swept.deliveries += gone;
        swept.more |= gone == MAX_BATCH;
    }
    Ok(swept)
}

async fn delete(
    pool: &PgPool,
    sql: &Sql,
    state: DeliveryState,
    before: Timestamp,
) -> Result<u64, Failed> {
    let gone = sqlx::query(&sql.of(
        "delete from polywire_webhook.delivery where id in (
             select id from polywire_webhook.delivery where state = $1 and state > 2 and finished < $2
                 limit $3 for update skip locked)",
    ))
    .bind(state.number())
    .bind(before.as_millisecond())
    .bind(count(MAX_BATCH))
    .execute(pool)
    .await?;
    Ok(gone.rows_affected())
}
