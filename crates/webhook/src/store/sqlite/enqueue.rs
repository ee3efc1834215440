//! New deliveries.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use polywire_core::{Error, ErrorKind};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::thread::Failed;
use crate::record::{DeliveryId, DeliveryState, NewDelivery, SubscriptionId};
use crate::store::Enqueued;
use crate::store::failure::unanswered;
use crate::store::plan::{count, digest, millis, shortened, signed, unsigned};

/// What one of those who publish asks to keep, and when.
pub(super) struct Batch {
    pub(super) new: Vec<NewDelivery>,
    pub(super) now: i64,
}

/// Keeps deliveries; what came of them is told by batch.
pub(super) fn enqueue<'a>(
    on: &Connection,
    batches: impl IntoIterator<Item = &'a Batch>,
) -> Result<Vec<Vec<Enqueued>>, Failed> {
    let mut counters: HashMap<&SubscriptionId, Option<Counter>> = HashMap::new();
    let mut insert = Insert::new(on)?;
    let mut answers = Vec::new();
    for Batch { new, now } in batches {
        let mut answered = Vec::with_capacity(new.len());
        for delivery in new {
            let counter = match counters.entry(&delivery.subscription) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(Counter::read(on, &delivery.subscription)?),
            };
            answered.push(match counter {
                Some(counter) => insert.one(delivery, counter, *now)?,
                None => Enqueued::NoSubscription,
            });
        }
        answers.push(answered);
    }
    for counter in counters.values().flatten().filter(|counter| counter.used) {
        on.prepare_cached("update counter set last = ?2 where subscription = ?1")?
            .execute([counter.subscription, counter.last])?;
    }
    Ok(answers)
}

/// Keeps one that nobody is given.
pub(super) fn park(on: &Connection, batch: &Batch, reason: &str) -> Result<Enqueued, Failed> {
    let mut answers = enqueue(on, [batch])?.into_iter().flatten();
    let enqueued = answers.next().ok_or_else(unanswered)?;
    if let Enqueued::New { id, .. } = enqueued {
        on.prepare_cached(
            "update delivery set state = ?2, finished = ?3, reason = ?4 where id = ?1",
        )?
        .execute(params![
            id.0,
            DeliveryState::Parked.number(),
            batch.now,
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

/// The statements of a new delivery, looked up once for many.
struct Insert<'c> {
    on: &'c Connection,
    delivery: CachedStatement<'c>,
    body: CachedStatement<'c>,
    /// The headers of the latest one with their text: those of one version are the same.
    headers: (Vec<(String, String)>, String),
}

impl<'c> Insert<'c> {
    fn new(on: &'c Connection) -> Result<Self, Failed> {
        Ok(Self {
            on,
            delivery: on.prepare_cached(
                "insert into delivery (subscription, sequence, state, due, fence, attempts, created, webhook_id, digest,
                     message_id, interaction, version, ordering, headers, size)
                 values (?1, ?2, ?3, ?4, 0, 0, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
                 on conflict (subscription, webhook_id) do nothing",
            )?,
            body: on.prepare_cached("insert into body (delivery, bytes) values (?1, ?2)")?,
            headers: (Vec::new(), "[]".to_owned()),
        })
    }

    fn one(
        &mut self,
        new: &NewDelivery,
        counter: &mut Counter,
        now: i64,
    ) -> Result<Enqueued, Failed> {
        let digest = digest(new);
        let sequence = counter.last + 1;
        let number = unsigned("a sequence number", sequence)?;
        let body = new.body.render(number);
        if self.headers.0 != new.headers {
            let text = serde_json::to_string(&new.headers)
                .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
            self.headers = (new.headers.clone(), text);
        }
        let state = match &new.key {
            Some(key) if is_occupied(self.on, counter.subscription, key)? => DeliveryState::Waiting,
            _ => DeliveryState::Ready,
        };
        let inserted = self.delivery.execute(params![
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
            self.headers.1,
            count(body.len()),
        ])?;
        if inserted == 0 {
            return first(self.on, counter.subscription, &new.webhook_id, &digest);
        }
        counter.last = sequence;
        counter.used = true;
        let id = self.on.last_insert_rowid();
        self.body.execute(params![id, body.as_ref()])?;
        Ok(Enqueued::New {
            id: DeliveryId(id),
            sequence: number,
        })
    }
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
