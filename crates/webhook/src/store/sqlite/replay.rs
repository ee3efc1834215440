//! Finished deliveries, queued again.

use jiff::Timestamp;
use polywire_core::Result;
use rusqlite::types::ToSql;
use rusqlite::{Connection, Row};

use super::enqueue::promote;
use super::thread::Failed;
use crate::record::DeliveryId;
use crate::store::plan::{count, is_in, signed};
use crate::store::{Replay, Replayed, Which};

pub(super) fn replay(on: &Connection, replay: &Replay, now: i64) -> Result<Replayed, Failed> {
    let after = replay.after.map_or(0, |after| after.0);
    let (condition, asked): (_, Vec<Box<dyn ToSql>>) = match &replay.which {
        Which::One(id) => ("d.id = ?3", vec![Box::new(id.0)]),
        Which::Range {
            subscription,
            from,
            to,
        } => (
            "s.id = ?3 and d.sequence between ?4 and ?5",
            vec![
                Box::new(subscription.as_str().to_owned()),
                Box::new(signed(*from)),
                Box::new(signed(*to)),
            ],
        ),
        Which::Since { subscription, at } => (
            "s.id = ?3 and d.created >= ?4",
            vec![
                Box::new(subscription.as_str().to_owned()),
                Box::new(at.as_millisecond()),
            ],
        ),
    };
    let mut parameters: Vec<Box<dyn ToSql>> = vec![Box::new(after), Box::new(count(replay.limit))];
    parameters.extend(asked);
    let before = replay.before.unwrap_or(Timestamp::MAX);
    parameters.push(Box::new(before.as_millisecond()));
    let found = on
        .prepare_cached(&format!(
            "select d.id, d.subscription, d.ordering from delivery d join subscription s on s.number = d.subscription
             where d.id > ?1 and {condition} and d.created < ?{} and {} and d.size is not null order by d.id limit ?2",
            parameters.len(),
            is_in(&replay.states)
        ))?
        .query_and_then(rusqlite::params_from_iter(parameters), found)?
        .collect::<Result<Vec<_>, _>>()?;
    let next = found.last().filter(|_| found.len() == replay.limit);
    let replayed = Replayed {
        count: found.len(),
        next: next.map(|(id, ..)| DeliveryId(*id)),
    };
    if replay.dry {
        return Ok(replayed);
    }
    let again = "update delivery set state = ?2, due = ?3, attempts = 0, finished = null, reason = null where id = ?1";
    for (id, _, key) in &found {
        on.prepare_cached(again)?
            .execute([*id, i64::from(key.is_none()), now])?;
    }
    for (_, subscription, key) in &found {
        if let Some(key) = key {
            promote(on, *subscription, key)?;
        }
    }
    Ok(replayed)
}

fn found(row: &Row<'_>) -> rusqlite::Result<(i64, i64, Option<String>)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}
