//! What is carried out once.

use jiff::Timestamp;
use sqlx::PgConnection;

use super::{Failed, Sql, subscriptions};
use crate::record::{Sealed, SubscriptionId, Terms};
use crate::store::failure::unreadable;
use crate::store::plan::time;
use crate::store::{Created, Once};

/// Subscription, digest, what sealed the answer, the answer, when and until when.
type Row = (String, Vec<u8>, String, Vec<u8>, i64, i64);

pub(super) async fn create(
    on: &mut PgConnection,
    sql: &Sql,
    once: &Once,
    id: &SubscriptionId,
    terms: Terms,
) -> Result<Created, Failed> {
    let now = once.at.as_millisecond();
    // What another one locks is being forgotten there.
    sqlx::query(&sql.of(
        "delete from polywire_webhook.once where number in (
             select number from polywire_webhook.once where until <= $1 limit 100 for update skip locked)",
    ))
    .bind(now)
    .execute(&mut *on)
    .await?;
    // One that has run out is replaced; of several at once the others wait here for the first.
    let inserted = sqlx::query(&sql.of(
        "insert into polywire_webhook.once as o (tenant, key, subscription, digest, sealed_by, answer, at, until)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (tenant, key) do update set subscription = excluded.subscription, digest = excluded.digest,
             sealed_by = excluded.sealed_by, answer = excluded.answer, at = excluded.at, until = excluded.until
         where o.until <= $7",
    ))
    .bind(&once.tenant)
    .bind(&once.key)
    .bind(once.subscription.as_str())
    .bind(once.digest.as_slice())
    .bind(&once.answer.by)
    .bind(&once.answer.bytes)
    .bind(now)
    .bind(once.until.as_millisecond())
    .execute(&mut *on)
    .await?
    .rows_affected();
    if inserted == 0
        && let Some(before) = get(on, sql, &once.tenant, &once.key, once.at).await?
    {
        return Ok(Created::Before(Box::new(before)));
    }
    let subscription = subscriptions::create(on, sql, id, terms).await?;
    Ok(Created::New(Box::new(subscription)))
}

/// One at a time makes subscriptions of a tenant, so that nobody comes between counting and making.
pub(super) async fn create_within(
    on: &mut PgConnection,
    sql: &Sql,
    most: usize,
    once: Option<&Once>,
    id: &SubscriptionId,
    terms: Terms,
) -> Result<Created, Failed> {
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(sql.lock_of(&terms.tenant))
        .execute(&mut *on)
        .await?;
    if let Some(once) = once
        && let Some(before) = get(on, sql, &once.tenant, &once.key, once.at).await?
    {
        return Ok(Created::Before(Box::new(before)));
    }
    if subscriptions::count_of(&mut *on, sql, &terms.tenant).await? >= most {
        return Ok(Created::Full);
    }
    match once {
        Some(once) => create(on, sql, once, id, terms).await,
        None => {
            let subscription = subscriptions::create(on, sql, id, terms).await?;
            Ok(Created::New(Box::new(subscription)))
        }
    }
}

pub(super) async fn get(
    on: &mut PgConnection,
    sql: &Sql,
    tenant: &str,
    key: &str,
    now: Timestamp,
) -> Result<Option<Once>, Failed> {
    let row: Option<Row> = sqlx::query_as(&sql.of(
        "select subscription, digest, sealed_by, answer, at, until from polywire_webhook.once
         where tenant = $1 and key = $2 and until > $3",
    ))
    .bind(tenant)
    .bind(key)
    .bind(now.as_millisecond())
    .fetch_optional(on)
    .await?;
    let Some((subscription, digest, by, bytes, at, until)) = row else {
        return Ok(None);
    };
    Ok(Some(Once {
        tenant: tenant.to_owned(),
        key: key.to_owned(),
        subscription: subscription
            .parse()
            .map_err(|error| unreadable("a subscription id", error))?,
        digest: digest
            .try_into()
            .map_err(|_| unreadable("a digest", "it has not 32 bytes"))?,
        answer: Sealed { by, bytes },
        at: time(at)?,
        until: time(until)?,
    }))
}
