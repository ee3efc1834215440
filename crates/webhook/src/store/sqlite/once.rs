//! What is carried out once.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::subscriptions;
use super::thread::Failed;
use crate::record::{Sealed, SubscriptionId, Terms};
use crate::store::failure::unreadable;
use crate::store::plan::time;
use crate::store::{Created, Once};

/// Subscription, digest, what sealed the answer, the answer, when and until when.
type Row = (String, Vec<u8>, String, Vec<u8>, i64, i64);

pub(super) fn create(
    on: &Connection,
    once: &Once,
    id: SubscriptionId,
    terms: Terms,
) -> Result<Created, Failed> {
    let now = once.at.as_millisecond();
    on.prepare_cached(
        "delete from once where number in (select number from once where until <= ?1 limit 100)",
    )?
    .execute([now])?;
    // This one may be among more than a hundred.
    on.prepare_cached("delete from once where tenant = ?1 and key = ?2 and until <= ?3")?
        .execute(params![once.tenant, once.key, now])?;
    let inserted = on
        .prepare_cached(
            "insert into once (tenant, key, subscription, digest, sealed_by, answer, at, until)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict (tenant, key) do nothing",
        )?
        .execute(params![
            once.tenant,
            once.key,
            once.subscription.as_str(),
            once.digest.as_slice(),
            once.answer.by,
            once.answer.bytes,
            now,
            once.until.as_millisecond(),
        ])?;
    if inserted == 0
        && let Some(before) = get(on, &once.tenant, &once.key, once.at)?
    {
        return Ok(Created::Before(Box::new(before)));
    }
    let subscription = subscriptions::create(on, id, terms)?;
    Ok(Created::New(Box::new(subscription)))
}

/// One writes at a time, so that nobody comes between counting and making.
pub(super) fn create_within(
    on: &Connection,
    most: usize,
    once: Option<&Once>,
    id: SubscriptionId,
    terms: Terms,
) -> Result<Created, Failed> {
    if let Some(once) = once
        && let Some(before) = get(on, &once.tenant, &once.key, once.at)?
    {
        return Ok(Created::Before(Box::new(before)));
    }
    if subscriptions::count_of(on, &terms.tenant)? >= most {
        return Ok(Created::Full);
    }
    match once {
        Some(once) => create(on, once, id, terms),
        None => {
            let subscription = subscriptions::create(on, id, terms)?;
            Ok(Created::New(Box::new(subscription)))
        }
    }
}

pub(super) fn get(
    on: &Connection,
    tenant: &str,
    key: &str,
    now: Timestamp,
) -> Result<Option<Once>, Failed> {
    let row: Option<Row> = on
        .prepare_cached(
            "select subscription, digest, sealed_by, answer, at, until from once
             where tenant = ?1 and key = ?2 and until > ?3",
        )?
        .query_row(params![tenant, key, now.as_millisecond()], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            ))
        })
        .optional()?;
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
