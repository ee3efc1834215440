//! What came of leases.

use std::collections::HashSet;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::enqueue::{fence, promote};
use super::thread::Failed;
use crate::record::{Settlement, SubscriptionId};
use crate::store::plan::{millis, shortened, signed, written};

/// Which were carried out, and whether deliveries became ready by it.
pub(super) fn settle(
    on: &Connection,
    settlements: &[Settlement],
    now: i64,
) -> Result<(Vec<bool>, bool), Failed> {
    let mut settled = Vec::with_capacity(settlements.len());
    let mut readied = false;
    let mut write = Write::new(on)?;
    for settlement in settlements {
        let done = write.one(settlement, now)?;
        readied |= done == Some(true);
        settled.push(done.is_some());
    }
    Ok((settled, readied))
}

/// The statements of a settlement, looked up once for many.
struct Write<'c> {
    on: &'c Connection,
    fate: CachedStatement<'c>,
    attempt: CachedStatement<'c>,
}

impl<'c> Write<'c> {
    fn new(on: &'c Connection) -> Result<Self, Failed> {
        Ok(Self {
            on,
            fate: on.prepare_cached(
                "update delivery set state = ?3, due = ?4, finished = ?5, reason = ?6, attempts = attempts - ?7, lease_until = null
                 where id = ?1 and fence = ?2 and state = 2 returning subscription, ordering",
            )?,
            attempt: on.prepare_cached(
                "insert into attempt (delivery, number, at, took, outcome) values (?1, ?2, ?3, ?4, ?5)",
            )?,
        })
    }

    /// `None` when the claim is void; else whether something became ready.
    fn one(&mut self, settlement: &Settlement, now: i64) -> Result<Option<bool>, Failed> {
        let written = written(settlement);
        let finished = written.state.is_finished();
        let [id, fence] = fence(settlement.claim);
        let values = params![
            id,
            fence,
            written.state.number(),
            now + written.delay,
            finished.then_some(now),
            written.reason,
            written.uncounted,
        ];
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let row: Option<(i64, Option<String>)> = self.fate.query_row(values, row).optional()?;
        let Some((subscription, key)) = row else {
            return Ok(None);
        };
        if let Some(attempt) = &settlement.attempt {
            self.attempt.execute(params![
                id,
                fence,
                attempt.at.as_millisecond(),
                millis(attempt.took),
                shortened(&attempt.outcome),
            ])?;
        }
        Ok(Some(match key {
            Some(key) if finished => promote(self.on, subscription, &key)?,
            // Others may have it now.
            _ => !finished && written.delay == 0,
        }))
    }
}

/// Those that a consumer has fetched by itself.
pub(super) fn acknowledge(
    on: &Connection,
    id: &SubscriptionId,
    sequences: &[u64],
    now: i64,
) -> Result<Vec<bool>, Failed> {
    let mut keys = HashSet::new();
    let mut acknowledged = Vec::with_capacity(sequences.len());
    for sequence in sequences {
        // Another fence: a worker that has it settles nothing any more.
        let row: Option<(i64, Option<String>)> = on
            .prepare_cached(
                "update delivery set state = 3, finished = ?3, reason = null, lease_until = null, fence = fence + 1
                 where subscription = (select number from subscription where id = ?1) and sequence = ?2 and state <> 3
                 returning subscription, ordering",
            )?
            .query_row(params![id.as_str(), signed(*sequence), now], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        acknowledged.push(row.is_some());
        keys.extend(row.and_then(|(subscription, key)| Some((subscription, key?))));
    }
    for (subscription, key) in keys {
        promote(on, subscription, &key)?;
    }
    Ok(acknowledged)
}
