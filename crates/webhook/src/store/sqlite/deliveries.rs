//! Deliveries to look at, and those that go.

use std::time::Duration;

use jiff::Timestamp;
use polywire_core::Result;
use rusqlite::{Connection, Row, params};

use super::row::{DELIVERIES, DELIVERY, delivery};
use super::thread::Failed;
use crate::record::{Attempt, Delivery, DeliveryId, DeliveryState};
use crate::store::plan::{count, is_in, signed, time, unsigned};
use crate::store::{MAX_BATCH, Page, Sweep, Swept};

pub(super) fn get(on: &Connection, id: DeliveryId) -> Result<Option<Delivery>, Failed> {
    let mut asked = on.prepare_cached(&format!(
        "select {DELIVERY} from {DELIVERIES} where d.id = ?1"
    ))?;
    let mut rows = asked.query([id.0])?;
    rows.next()?.map(delivery).transpose()
}

pub(super) fn list(on: &Connection, page: &Page) -> Result<Vec<Delivery>, Failed> {
    let state = page.state.as_slice();
    let state = if state.is_empty() {
        String::new()
    } else {
        format!("and {}", is_in(state))
    };
    let mut asked = on.prepare_cached(&format!(
        "select {DELIVERY} from {DELIVERIES}
         where s.id = ?1 and d.sequence > ?2 {state} order by d.sequence limit ?3"
    ))?;
    let id = page.subscription.as_str();
    asked
        .query_and_then(params![id, signed(page.after), count(page.limit)], delivery)?
        .collect()
}

pub(super) fn attempts(on: &Connection, id: DeliveryId) -> Result<Vec<Attempt>, Failed> {
    let mut asked = on.prepare_cached(
        "select at, took, outcome from attempt where delivery = ?1 order by number limit ?2",
    )?;
    asked
        .query_and_then(params![id.0, count(MAX_BATCH)], attempt)?
        .collect()
}

fn attempt(row: &Row<'_>) -> Result<Attempt, Failed> {
    Ok(Attempt {
        at: time(row.get(0)?)?,
        took: Duration::from_millis(unsigned("a duration", row.get(1)?)?),
        outcome: row.get(2)?,
    })
}

pub(super) fn discard(on: &Connection, id: DeliveryId) -> Result<bool, Failed> {
    let gone = on
        .prepare_cached("delete from delivery where id = ?1 and state > 2")?
        .execute([id.0])?;
    Ok(gone == 1)
}

pub(super) fn sweep(on: &Connection, sweep: &Sweep) -> Result<Swept, Failed> {
    let bodies = bodies(on, sweep.bodies)?;
    let mut swept = Swept {
        bodies,
        deliveries: 0,
        more: bodies == MAX_BATCH,
    };
    let mut delete = on.prepare_cached(
        "delete from delivery where id in (
             select id from delivery where state = ?1 and state > 2 and finished < ?2 limit ?3)",
    )?;
    for (state, before) in [
        (DeliveryState::Done, sweep.done),
        (DeliveryState::Dead, sweep.letters),
        (DeliveryState::Parked, sweep.letters),
    ] {
        let limit = count(MAX_BATCH);
        let gone = delete.execute(params![state.number(), before.as_millisecond(), limit])?;
        swept.deliveries += gone;
        swept.more |= gone == MAX_BATCH;
    }
    Ok(swept)
}

/// Removes bodies of what was accepted, and says how many.
fn bodies(on: &Connection, before: Timestamp) -> Result<usize, Failed> {
    let old: Vec<i64> = on
        .prepare_cached(
            "select id from delivery where state = 3 and size is not null and finished < ?1 limit ?2",
        )?
        .query_map(
            params![before.as_millisecond(), count(MAX_BATCH)],
            |row| row.get(0),
        )?
        .collect::<Result<_, _>>()?;
    let mut empty = on.prepare_cached("update delivery set size = null where id = ?1")?;
    let mut remove = on.prepare_cached("delete from body where delivery = ?1")?;
    for id in &old {
        empty.execute([id])?;
        remove.execute([id])?;
    }
    Ok(old.len())
}
