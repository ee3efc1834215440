//! New deliveries.

use std::collections::HashMap;

use polywire_core::{Error, ErrorKind};
use rusqlite::{Connection, OptionalExtension, params};

use super::writer::Failed;
use crate::record::{DeliveryId, DeliveryState, NewDelivery, SubscriptionId};
use crate::store::Enqueued;
use crate::store::failure::unanswered;
use crate::store::plan::{count, digest, millis, shortened, signed, unsigned};

pub(super) fn enqueue(
    on: &Connection,
    new: &[NewDelivery],
    now: i64,
) -> Result<Vec<Enqueued>, Failed> {
    let mut counters: HashMap<&SubscriptionId, Option<Counter>> = HashMap::new();
    let mut answers = Vec::with_capacity(new.len());
    for delivery in new {
        let counter = match counters.entry(&delivery.subscription) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Counter::read(on, &delivery.subscription)?)
            }
        };
        answers.push(match counter {
            Some(counter) => one(on, delivery, counter, now)?,
            None => Enqueued::NoSubscription,
        });
    }
    for counter in counters.values().flatten().filter(|counter| counter.used) {
        on.prepare_cached("update counter set last = ?2 where subscription = ?1")?
            .execute([counter.subscription, counter.last])?;
    }
    Ok(answers)
}

/// Keeps one that nobody is given.
pub(super) fn park(
    on: &Connection,
    new: &[NewDelivery],
    reason: &str,
    now: i64,
) -> Result<Enqueued, Failed> {
    let enqueued = enqueue(on, new, now)?.pop().ok_or_else(unanswered)?;
    if let Enqueued::New { id, .. } = enqueued {
        on.prepare_cached(
            "update delivery set state = ?2, finished = ?3, reason = ?4 where id = ?1",
        )?
        .execute(params![
            id.0,
            DeliveryState::Parked.number(),
            now,
            shortened(reason)
        ])?;
    }
    Ok(enqueued)
}

struct Counter {
    subscription: i64,
    last: i64,
    used: bool,
}

impl Counter {
    fn read(on: &Connection, id: &SubscriptionId) -> Result<Option<Self>, Failed> {
        let counter = on
            .prepare_cached(
                "select c.subscription, c.last from subscription s
                 join counter c on c.subscription = s.number where s.id = ?1",
            )?
            .query_row([id.as_str()], |row| {
                Ok(Self {
                    subscription: row.get(0)?,
                    last: row.get(1)?,
                    used: false,
                })
            });
        Ok(counter.optional()?)
    }
}

fn one(
    on: &Connection,
    new: &NewDelivery,
    counter: &mut Counter,
    now: i64,
) -> Result<Enqueued, Failed> {
    let digest = digest(new);
    let sequence = counter.last + 1;
    let number = unsigned("a sequence number", sequence)?;
    let body = new.body.render(number);
    let headers = serde_json::to_string(&new.headers)
        .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
    let state = match &new.key {
        Some(key) if is_occupied(on, counter.subscription, key)? => DeliveryState::Waiting,
        _ => DeliveryState::Ready,
    };
    let inserted = on
        .prepare_cached(
            "insert into delivery (subscription, sequence, state, due, fence, attempts, created, webhook_id, digest,
                 message_id, interaction, version, ordering, headers, size)
             values (?1, ?2, ?3, ?4, 0, 0, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             on conflict (subscription, webhook_id) do nothing",
        )?
        .execute(params![
            counter.subscription,
            sequence,
            state.number(),
            now + millis(new.delay),
            now,
            new.webhook_id,
            digest.as_slice(),
            new.message_id,
            new.interaction.as_str(),
            new.version.to_string(),
            new.key.as_deref(),
            headers,
            count(body.len()),
        ])?;
    if inserted == 1 {
        counter.last = sequence;
        counter.used = true;
        let id = on.last_insert_rowid();
        on.prepare_cached("insert into body (delivery, bytes) values (?1, ?2)")?
            .execute(params![id, body.as_ref()])?;
        return Ok(Enqueued::New {
            id: DeliveryId(id),
            sequence: number,
        });
    }
    first(on, counter.subscription, &new.webhook_id, &digest)
}

/// The one that was kept under this id before.
fn first(
    on: &Connection,
    subscription: i64,
    webhook_id: &str,
    digest: &[u8],
) -> Result<Enqueued, Failed> {
    let (id, sequence, same) = on
        .prepare_cached(
            "select id, sequence, digest = ?3 from delivery where subscription = ?1 and webhook_id = ?2",
        )?
        .query_row(params![subscription, webhook_id, digest], |row| {
            Ok((DeliveryId(row.get(0)?), row.get(1)?, row.get(2)?))
        })?;
    Ok(if same {
        let sequence = unsigned("a sequence number", sequence)?;
        Enqueued::Duplicate { id, sequence }
    } else {
        Enqueued::Conflict { id }
    })
}

/// Whether one of this key is before it.
fn is_occupied(on: &Connection, subscription: i64, key: &str) -> Result<bool, Failed> {
    let asked = "select exists (select 1 from delivery where subscription = ?1 and ordering = ?2 and state < 3)";
    Ok(on
        .prepare_cached(asked)?
        .query_row(params![subscription, key], |row| row.get(0))?)
}

/// Makes the first of a key ready that waits, if none is ready or leased.
pub(super) fn promote(on: &Connection, subscription: i64, key: &str) -> Result<bool, Failed> {
    let promoted = on
        .prepare_cached(
            "update delivery set state = 1 where id = (
                 select id from delivery where subscription = ?1 and ordering = ?2 and state < 3 and state = 0
                 order by sequence limit 1)
             and not exists (
                 select 1 from delivery where subscription = ?1 and ordering = ?2 and state > 0 and state < 3)",
        )?
        .execute(params![subscription, key])?;
    Ok(promoted == 1)
}

/// A fence as it is kept.
pub(super) fn fence(claim: crate::record::Claim) -> [i64; 2] {
    [claim.id.0, signed(claim.fence)]
}
