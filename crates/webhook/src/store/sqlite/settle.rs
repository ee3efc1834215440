//! What came of leases.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::enqueue::{fence, promote};
use super::writer::Failed;
use crate::record::{Attempt, Settlement, SubscriptionId};
use crate::store::plan::{millis, shortened, signed, written};

/// Which were carried out, and whether deliveries became ready by it.
pub(super) fn settle(
    on: &Connection,
    settlements: &[Settlement],
    now: i64,
) -> Result<(Vec<bool>, bool), Failed> {
    let mut settled = Vec::with_capacity(settlements.len());
    let mut readied = false;
    for settlement in settlements {
        let done = one(on, settlement, now)?;
        readied |= done == Some(true);
        settled.push(done.is_some());
    }
    Ok((settled, readied))
}

/// `None` when the claim is void; else whether something became ready.
fn one(on: &Connection, settlement: &Settlement, now: i64) -> Result<Option<bool>, Failed> {
    let written = written(settlement);
    let finished = written.state.is_finished();
    let [id, fence] = fence(settlement.claim);
    let row: Option<(i64, Option<String>)> = on
        .prepare_cached(
            "update delivery set state = ?3, due = ?4, finished = ?5, reason = ?6, attempts = attempts - ?7, lease_until = null
             where id = ?1 and fence = ?2 and state = 2 returning subscription, ordering",
        )?
        .query_row(
            params![
                id,
                fence,
                written.state.number(),
                now + written.delay,
                finished.then_some(now),
                written.reason,
                written.uncounted,
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((subscription, key)) = row else {
        return Ok(None);
    };
    if let Some(attempt) = &settlement.attempt {
        note(on, id, fence, attempt)?;
    }
    Ok(Some(match key {
        Some(key) if finished => promote(on, subscription, &key)?,
        // Others may have it now.
        _ => !finished && written.delay == 0,
    }))
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

fn note(on: &Connection, delivery: i64, fence: i64, attempt: &Attempt) -> Result<(), Failed> {
    on.prepare_cached(
        "insert into attempt (delivery, number, at, took, outcome) values (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        delivery,
        fence,
        attempt.at.as_millisecond(),
        millis(attempt.took),
        shortened(&attempt.outcome),
    ])?;
    Ok(())
}
