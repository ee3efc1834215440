//! New deliveries.

use std::collections::{BTreeMap, HashMap, HashSet};

use polywire_core::Error;
use sqlx::PgConnection;

use super::rows::Rows;
use super::{Failed, Sql};
use crate::record::{DeliveryId, DeliveryState, NewDelivery};
use crate::store::Enqueued;
use crate::store::failure::unanswered;
use crate::store::plan::{digest, shortened, unsigned};

/// Keeps deliveries within the transaction that the connection is in.
pub(super) async fn enqueue(
    on: &mut PgConnection,
    sql: &Sql,
    new: &[NewDelivery],
    now: Option<i64>,
) -> Result<Vec<Enqueued>, Failed> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let mut counters = counters(on, sql, new).await?;
    let mut known = known(on, sql, new, &counters).await?;
    let mut occupied = occupied(on, sql, new, &counters).await?;
    let mut rows = Rows::default();
    let mut answers = Vec::with_capacity(new.len());
    for delivery in new {
        let Some(counter) = counters.get_mut(delivery.subscription.as_str()) else {
            answers.push(Enqueued::NoSubscription);
            continue;
        };
        let digest = digest(delivery);
        let name = (counter.subscription, delivery.webhook_id.clone());
        if let Some(first) = known.get(&name) {
            answers.push(first.met(&digest)?);
            continue;
        }
        counter.last += 1;
        let waits = delivery
            .key
            .as_ref()
            .is_some_and(|key| !occupied.insert((counter.subscription, key.to_string())));
        rows.push(delivery, counter, waits, digest)?;
        // Its number is not known yet.
        let first = First {
            id: DeliveryId(0),
            sequence: counter.last,
            digest: digest.to_vec(),
        };
        answers.push(Enqueued::New {
            id: first.id,
            sequence: unsigned("a sequence number", first.sequence)?,
        });
        known.insert(name, first);
    }
    let numbers = rows.insert(on, sql, now).await?;
    give_numbers(&mut answers, new, &counters, &numbers);
    Ok(answers)
}

/// Keeps one that nobody is given.
pub(super) async fn park(
    on: &mut PgConnection,
    sql: &Sql,
    new: &[NewDelivery],
    reason: &str,
    now: Option<i64>,
) -> Result<Enqueued, Failed> {
    let enqueued = enqueue(on, sql, new, now)
        .await?
        .pop()
        .ok_or_else(unanswered)?;
    if let Enqueued::New { id, .. } = enqueued {
        sqlx::query(&sql.of(
            "update polywire_webhook.delivery set state = $2, reason = $3,
                 finished = coalesce($4, (extract(epoch from clock_timestamp()) * 1000)::bigint)
             where id = $1",
        ))
        .bind(id.0)
        .bind(DeliveryState::Parked.number())
        .bind(shortened(reason))
        .bind(now)
        .execute(on)
        .await?;
    }
    Ok(enqueued)
}

pub(super) struct Counter {
    pub(super) subscription: i64,
    pub(super) last: i64,
}

struct First {
    id: DeliveryId,
    sequence: i64,
    digest: Vec<u8>,
}

impl First {
    fn met(&self, digest: &[u8]) -> Result<Enqueued, Error> {
        let (id, sequence) = (self.id, unsigned("a sequence number", self.sequence)?);
        Ok(if self.digest == digest {
            Enqueued::Duplicate { id, sequence }
        } else {
            // Kept as the sequence until the number is known.
            Enqueued::Conflict {
                id: if id.0 == 0 {
                    DeliveryId(-self.sequence)
                } else {
                    id
                },
            }
        })
    }
}

/// The counters of all subscriptions of a batch, locked until the transaction ends, in the order of their numbers.
async fn counters(
    on: &mut PgConnection,
    sql: &Sql,
    new: &[NewDelivery],
) -> Result<BTreeMap<String, Counter>, Failed> {
    let ids: HashSet<&str> = new.iter().map(|new| new.subscription.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(&sql.of(
        "select s.id, c.subscription, c.last from polywire_webhook.counter c
         join polywire_webhook.subscription s on s.number = c.subscription
         where s.id = any($1) order by c.subscription for update of c",
    ))
    .bind(ids)
    .fetch_all(on)
    .await?;
    let counter = |(id, subscription, last)| (id, Counter { subscription, last });
    Ok(rows.into_iter().map(counter).collect())
}

/// What is kept already under the ids of a batch.
async fn known(
    on: &mut PgConnection,
    sql: &Sql,
    new: &[NewDelivery],
    counters: &BTreeMap<String, Counter>,
) -> Result<HashMap<(i64, String), First>, Failed> {
    let (subscriptions, names): (Vec<i64>, Vec<&str>) = new
        .iter()
        .filter_map(|new| {
            let counter = counters.get(new.subscription.as_str())?;
            Some((counter.subscription, new.webhook_id.as_str()))
        })
        .unzip();
    let rows: Vec<(i64, String, i64, i64, Vec<u8>)> = sqlx::query_as(&sql.of(
        "select d.subscription, d.webhook_id, d.id, d.sequence, d.digest
         from (select distinct * from unnest($1::bigint[], $2::text[])) n (subscription, webhook_id)
         join polywire_webhook.delivery d on d.subscription = n.subscription and d.webhook_id = n.webhook_id collate \"C\"",
    ))
    .bind(subscriptions)
    .bind(names)
    .fetch_all(on)
    .await?;
    let first = |(subscription, name, id, sequence, digest)| {
        let id = DeliveryId(id);
        (
            (subscription, name),
            First {
                id,
                sequence,
                digest,
            },
        )
    };
    Ok(rows.into_iter().map(first).collect())
}

/// Which keys of a batch have a delivery that is not finished.
async fn occupied(
    on: &mut PgConnection,
    sql: &Sql,
    new: &[NewDelivery],
    counters: &BTreeMap<String, Counter>,
) -> Result<HashSet<(i64, String)>, Failed> {
    let (subscriptions, keys): (Vec<i64>, Vec<&str>) = new
        .iter()
        .filter_map(|new| {
            let counter = counters.get(new.subscription.as_str())?;
            Some((counter.subscription, new.key.as_deref()?))
        })
        .unzip();
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<(i64, String)> = sqlx::query_as(&sql.of(
        "select n.subscription, n.ordering
         from (select distinct * from unnest($1::bigint[], $2::text[])) n (subscription, ordering)
         where exists (select 1 from polywire_webhook.delivery d where d.subscription = n.subscription
             and d.ordering = n.ordering collate \"C\" and d.ordering is not null and d.state < 3)",
    ))
    .bind(subscriptions)
    .bind(keys)
    .fetch_all(on)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Fills in the numbers that only the insertion gave.
fn give_numbers(
    answers: &mut [Enqueued],
    new: &[NewDelivery],
    counters: &BTreeMap<String, Counter>,
    numbers: &HashMap<(i64, i64), i64>,
) {
    for (answer, new) in answers.iter_mut().zip(new) {
        let Some(counter) = counters.get(new.subscription.as_str()) else {
            continue;
        };
        let number = |sequence: i64| numbers.get(&(counter.subscription, sequence)).copied();
        match answer {
            Enqueued::New { id, sequence } | Enqueued::Duplicate { id, sequence } if id.0 == 0 => {
                let sequence = i64::try_from(*sequence).unwrap_or(i64::MAX);
                *id = DeliveryId(number(sequence).unwrap_or_default());
            }
            Enqueued::Conflict { id } if id.0 < 0 => {
                *id = DeliveryId(number(-id.0).unwrap_or_default());
            }
            _ => {}
        }
    }
}
