//! How much is kept.

use sqlx::PgPool;

use super::{Failed, Sql};
use crate::record::SubscriptionId;
use crate::store::Backlog;
use crate::store::plan::size;

/// Each part by an index of its own; of those that wait all have a key.
const UNFINISHED: &str = "with whose as materialized (
        select number from polywire_webhook.subscription where id = $1)
    select count(*), coalesce(sum(size), 0)::bigint from (
        select octet_length(body) as size from polywire_webhook.delivery
        where subscription = (select number from whose) and state = 1
        union all
        select octet_length(body) from polywire_webhook.delivery
        where subscription = (select number from whose) and state = 2
        union all
        select octet_length(body) from polywire_webhook.delivery
        where subscription = (select number from whose) and ordering is not null and state < 3 and state = 0) kept";

pub(super) async fn count(
    pool: &PgPool,
    sql: &Sql,
    id: &SubscriptionId,
) -> Result<Backlog, Failed> {
    let (deliveries, bytes): (i64, i64) = sqlx::query_as(&sql.of(UNFINISHED))
        .bind(id.as_str())
        .fetch_one(pool)
        .await?;
    let letters = sqlx::query_scalar(&sql.of(
        "select count(*) from polywire_webhook.delivery
         where subscription = (select number from polywire_webhook.subscription where id = $1) and state > 3",
    ))
    .bind(id.as_str())
    .fetch_one(pool)
    .await?;
    Ok(Backlog {
        deliveries: size(deliveries),
        bytes: size(bytes),
        letters: size(letters),
    })
}
