//! Subscriptions.

use jiff::Timestamp;
use polywire_core::contract::Name;
use polywire_core::{Error, ErrorKind};
use rusqlite::{Connection, OptionalExtension, named_params, params};
use serde::Serialize;

use super::row::{SUBSCRIPTION, subscription};
use super::thread::Failed;
use crate::record::{Subscription, SubscriptionId, Terms};
use crate::schedule::Standing;
use crate::store::plan::{count, signed, unsigned};
use crate::store::{Subscriptions, Updated};

pub(super) fn create(
    on: &Connection,
    id: SubscriptionId,
    terms: Terms,
) -> Result<Subscription, Failed> {
    let standing = Standing::default();
    let inserted = on
        .prepare_cached(
            "insert into subscription (id, tenant, contract, active, revision, terms, standing, stopped, held_until)
             values (?1, ?2, ?3, ?4, 1, ?5, ?6, 0, 0) on conflict (id) do nothing",
        )?
        .execute(params![
            id.as_str(),
            terms.tenant,
            terms.contract().as_str(),
            terms.state.delivers(),
            written(&terms)?,
            written(&standing)?,
        ])?;
    if inserted == 0 {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!("there is a subscription {id} already: take another id"),
        )
        .into());
    }
    on.prepare_cached("insert into counter (subscription, last) values (?1, 0)")?
        .execute([on.last_insert_rowid()])?;
    Ok(Subscription {
        id,
        revision: 1,
        terms,
        standing,
    })
}

pub(super) fn update(
    on: &Connection,
    id: &SubscriptionId,
    revision: u64,
    terms: &Terms,
) -> Result<Updated, Failed> {
    let changed = on
        .prepare_cached(
            "update subscription set tenant = ?3, contract = ?4, active = ?5, terms = ?6, revision = revision + 1
             where id = ?1 and revision = ?2",
        )?
        .execute(params![
            id.as_str(),
            signed(revision),
            terms.tenant,
            terms.contract().as_str(),
            terms.state.delivers(),
            written(terms)?,
        ])?;
    Ok(match get(on, id)? {
        Some(found) if changed == 1 => Updated::Done(Box::new(found)),
        Some(found) => Updated::Stale(Box::new(found)),
        None => Updated::Absent,
    })
}

pub(super) fn stand(
    on: &Connection,
    id: &SubscriptionId,
    standing: &Standing,
) -> Result<bool, Failed> {
    let held = standing.held_until.map_or(0, Timestamp::as_millisecond);
    let changed = on
        .prepare_cached(
            "update subscription set standing = ?2, stopped = ?3, held_until = ?4 where id = ?1",
        )?
        .execute(params![
            id.as_str(),
            written(standing)?,
            standing.stopped.is_some(),
            held
        ])?;
    Ok(changed == 1)
}

pub(super) fn get(on: &Connection, id: &SubscriptionId) -> Result<Option<Subscription>, Failed> {
    let mut asked = on.prepare_cached(&format!(
        "select {SUBSCRIPTION} from subscription where id = ?1"
    ))?;
    let mut rows = asked.query([id.as_str()])?;
    rows.next()?.map(subscription).transpose()
}

pub(super) fn list(on: &Connection, ask: &Subscriptions) -> Result<Vec<Subscription>, Failed> {
    let mut conditions = String::new();
    if ask.tenant.is_some() {
        conditions.push_str(" and tenant = :tenant");
    }
    if ask.contract.is_some() {
        conditions.push_str(" and contract = :contract");
    }
    let mut asked = on.prepare_cached(&format!(
        "select {SUBSCRIPTION} from subscription where id > :after{conditions} order by id limit :limit"
    ))?;
    let after = ask.after.as_ref().map_or("", |after| after.as_str());
    let limit = count(ask.limit);
    let mut parameters = named_params! { ":after": after, ":limit": limit }.to_vec();
    if let Some(tenant) = &ask.tenant {
        parameters.push((":tenant", tenant));
    }
    let contract = ask.contract.as_ref().map(Name::as_str);
    if let Some(contract) = &contract {
        parameters.push((":contract", contract));
    }
    let mut rows = asked.query(parameters.as_slice())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(subscription(row)?);
    }
    Ok(found)
}

pub(super) fn remove(on: &Connection, id: &SubscriptionId) -> Result<bool, Failed> {
    let removed = on
        .prepare_cached("delete from subscription where id = ?1")?
        .execute([id.as_str()])?;
    Ok(removed == 1)
}

pub(super) fn count_of(on: &Connection, tenant: &str) -> Result<usize, Failed> {
    let found: i64 = on
        .prepare_cached("select count(*) from subscription where tenant = ?1")?
        .query_row([tenant], |row| row.get(0))?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

pub(super) fn generation(on: &Connection) -> Result<u64, Failed> {
    let value = on
        .prepare_cached("select value from generation")?
        .query_row([], |row| row.get(0))?;
    Ok(unsigned("a generation", value)?)
}

pub(super) fn last(on: &Connection, id: &SubscriptionId) -> Result<Option<u64>, Failed> {
    let last: Option<i64> = on
        .prepare_cached(
            "select c.last from subscription s join counter c on c.subscription = s.number where s.id = ?1",
        )?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?;
    Ok(last
        .map(|last| unsigned("a sequence number", last))
        .transpose()?)
}

fn written<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| {
        let text = format!("a record cannot be written: {error}");
        Error::new(ErrorKind::Internal, text)
    })
}
