//! Subscriptions.

use jiff::Timestamp;
use polywire_core::{Error, ErrorKind};
use serde::Serialize;
use sqlx::{PgConnection, PgExecutor, PgPool};

use super::row::subscription;
use super::{Failed, Sql, notify};
use crate::record::{Subscription, SubscriptionId, Terms};
use crate::schedule::Standing;
use crate::store::plan::{count, signed, unsigned};
use crate::store::{Subscriptions, Updated};

pub(super) async fn create(
    on: &mut PgConnection,
    sql: &Sql,
    id: &SubscriptionId,
    terms: Terms,
) -> Result<Subscription, Failed> {
    let standing = Standing::default();
    let number: Option<i64> = sqlx::query_scalar(&sql.of(
        "insert into polywire_webhook.subscription
             (id, tenant, contract, active, revision, terms, standing, stopped, held_until)
         values ($1, $2, $3, $4, 1, $5, $6, false, 0) on conflict (id) do nothing returning number",
    ))
    .bind(id.as_str())
    .bind(&terms.tenant)
    .bind(terms.contract().as_str())
    .bind(terms.state.delivers())
    .bind(written(&terms)?)
    .bind(written(&standing)?)
    .fetch_optional(&mut *on)
    .await?;
    let Some(number) = number else {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!("there is a subscription {id} already: take another id"),
        )
        .into());
    };
    sqlx::query(
        &sql.of("insert into polywire_webhook.counter (subscription, last) values ($1, 0)"),
    )
    .bind(number)
    .execute(on)
    .await?;
    Ok(Subscription {
        id: id.clone(),
        revision: 1,
        terms,
        standing,
    })
}

pub(super) async fn update(
    on: &mut PgConnection,
    sql: &Sql,
    id: &SubscriptionId,
    revision: u64,
    terms: &Terms,
) -> Result<Updated, Failed> {
    let row = sqlx::query(&sql.of("update polywire_webhook.subscription
         set tenant = $3, contract = $4, active = $5, terms = $6, revision = revision + 1
         where id = $1 and revision = $2 returning id, revision, terms, standing"))
    .bind(id.as_str())
    .bind(signed(revision))
    .bind(&terms.tenant)
    .bind(terms.contract().as_str())
    .bind(terms.state.delivers())
    .bind(written(terms)?)
    .fetch_optional(&mut *on)
    .await?;
    if let Some(row) = row {
        notify(on, sql).await?;
        return Ok(Updated::Done(Box::new(subscription(&row)?)));
    }
    Ok(match get(on, sql, id).await? {
        Some(found) => Updated::Stale(Box::new(found)),
        None => Updated::Absent,
    })
}

pub(super) async fn stand(
    on: &mut PgConnection,
    sql: &Sql,
    id: &SubscriptionId,
    standing: &Standing,
) -> Result<bool, Failed> {
    let changed = sqlx::query(&sql.of(
        "update polywire_webhook.subscription set standing = $2, stopped = $3, held_until = $4 where id = $1",
    ))
    .bind(id.as_str())
    .bind(written(standing)?)
    .bind(standing.stopped.is_some())
    .bind(standing.held_until.map_or(0, Timestamp::as_millisecond))
    .execute(&mut *on)
    .await?;
    notify(on, sql).await?;
    Ok(changed.rows_affected() == 1)
}

pub(super) async fn get(
    on: &mut PgConnection,
    sql: &Sql,
    id: &SubscriptionId,
) -> Result<Option<Subscription>, Failed> {
    let row = sqlx::query(&sql.of(
        "select id, revision, terms, standing from polywire_webhook.subscription where id = $1",
    ))
    .bind(id.as_str())
    .fetch_optional(on)
    .await?;
    row.as_ref().map(subscription).transpose()
}

pub(super) async fn list(
    pool: &PgPool,
    sql: &Sql,
    ask: &Subscriptions,
) -> Result<Vec<Subscription>, Failed> {
    // Written out for each case, so that each has its index.
    let condition = match (&ask.tenant, &ask.contract) {
        (None, None) => "",
        (Some(_), None) => "and tenant = $3",
        (None, Some(_)) => "and contract = $3",
        (Some(_), Some(_)) => "and tenant = $3 and contract = $4",
    };
    let text = sql.put(&format!(
        "select id, revision, terms, standing from polywire_webhook.subscription
         where id > $1 {condition} order by id limit $2"
    ));
    let mut asked = sqlx::query(&text)
        .bind(ask.after.as_ref().map_or("", SubscriptionId::as_str))
        .bind(count(ask.limit));
    if let Some(tenant) = &ask.tenant {
        asked = asked.bind(tenant);
    }
    if let Some(contract) = &ask.contract {
        asked = asked.bind(contract.as_str());
    }
    let rows = asked.fetch_all(pool).await?;
    rows.iter().map(subscription).collect()
}

pub(super) async fn remove(
    on: &mut PgConnection,
    sql: &Sql,
    id: &SubscriptionId,
) -> Result<bool, Failed> {
    // Locked in the order of all others.
    sqlx::query(
        &sql.of("select 1 from polywire_webhook.counter where subscription =
             (select number from polywire_webhook.subscription where id = $1) for update"),
    )
    .bind(id.as_str())
    .execute(&mut *on)
    .await?;
    let removed = sqlx::query(&sql.of("delete from polywire_webhook.subscription where id = $1"))
        .bind(id.as_str())
        .execute(on)
        .await?;
    Ok(removed.rows_affected() == 1)
}

pub(super) async fn count_of(
    on: impl PgExecutor<'_>,
    sql: &Sql,
    tenant: &str,
) -> Result<usize, Failed> {
    let found: i64 = sqlx::query_scalar(
        &sql.of("select count(*) from polywire_webhook.subscription where tenant = $1"),
    )
    .bind(tenant)
    .fetch_one(on)
    .await?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

pub(super) async fn generation(pool: &PgPool, sql: &Sql) -> Result<u64, Failed> {
    let value = sqlx::query_scalar(&sql.of("select value from polywire_webhook.generation"))
        .fetch_one(pool)
        .await?;
    Ok(unsigned("a generation", value)?)
}

pub(super) async fn last(
    pool: &PgPool,
    sql: &Sql,
    id: &SubscriptionId,
) -> Result<Option<u64>, Failed> {
    let last: Option<i64> =
        sqlx::query_scalar(&sql.of("select c.last from polywire_webhook.subscription s
         join polywire_webhook.counter c on c.subscription = s.number where s.id = $1"))
        .bind(id.as_str())
        .fetch_optional(pool)
        .await?;
    Ok(last
        .map(|last| unsigned("a sequence number", last))
        .transpose()?)
}

fn written<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| {
        let text = format!("a record cannot be written: {error}");
        Error::new(ErrorKind::Internal, text)
    })
}
