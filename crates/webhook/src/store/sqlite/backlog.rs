//! How much is kept.

use rusqlite::{Connection, params};

use super::thread::Failed;
use crate::record::SubscriptionId;
use crate::store::Backlog;
use crate::store::plan::size;

/// Each part by an index of its own; of those that wait all have a key.
const UNFINISHED: &str = "select count(*), coalesce(sum(size), 0) from (
    select size from delivery where subscription = ?1 and state = 1
    union all select size from delivery where subscription = ?1 and state = 2
    union all select size from delivery where subscription = ?1 and ordering is not null and state < 3 and state = 0)";

pub(super) fn count(on: &Connection, id: &SubscriptionId) -> Result<Backlog, Failed> {
    let subscription: i64 = on
        .prepare_cached("select coalesce((select number from subscription where id = ?1), 0)")?
        .query_row([id.as_str()], |row| row.get(0))?;
    let (deliveries, bytes) = on
        .prepare_cached(UNFINISHED)?
        .query_row(params![subscription], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let letters = on
        .prepare_cached("select count(*) from delivery where subscription = ?1 and state > 3")?
        .query_row([subscription], |row| row.get(0))?;
    Ok(Backlog {
        deliveries: size(deliveries),
        bytes: size(bytes),
        letters: size(letters),
    })
}
