//! The tables, and how older files become new ones.

use std::cmp::Ordering;

use polywire_core::{Error, ErrorKind, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::failed;
use crate::store::failure::{too_new, too_old};
use crate::store::plan::count;

/// Each brings a file from one version to the next. What is here never changes; what is new is added.
const MIGRATIONS: &[&str] = &["
    create table subscription (
        number integer primary key,
        id text not null unique,
        tenant text not null,
        contract text not null,
        active integer not null,
        revision integer not null,
        terms text not null,
        standing text not null,
        stopped integer not null,
        held_until integer not null
    ) strict;
    create index subscription_of_tenant on subscription (tenant, id);
    create index subscription_of_contract on subscription (contract, id);

    -- Apart, because it changes with every delivery and the terms are long.
    create table counter (
        subscription integer primary key references subscription on delete cascade,
        last integer not null
    ) strict;

    create table delivery (
        id integer primary key autoincrement,
        subscription integer not null references subscription on delete cascade,
        sequence integer not null,
        state integer not null,
        due integer not null,
        fence integer not null,
        lease_until integer,
        attempts integer not null,
        created integer not null,
        finished integer,
        reason text,
        webhook_id text not null,
        digest blob not null,
        message_id text not null,
        interaction text not null,
        version text not null,
        ordering text,
        headers text not null,
        -- Of the body, in bytes; null once it was swept.
        size integer
    ) strict;
    create unique index delivery_by_webhook_id on delivery (subscription, webhook_id);
    create unique index delivery_by_sequence on delivery (subscription, sequence);
    create index delivery_ready on delivery (subscription, due, id) where state = 1;
    create index delivery_leased on delivery (lease_until) where state = 2;
    create index delivery_ordered on delivery (subscription, ordering, sequence) where state < 3 and ordering is not null;
    -- Of each key at most one is ready or leased, whatever else goes wrong.
    create unique index delivery_head on delivery (subscription, ordering)
        where state > 0 and state < 3 and ordering is not null;
    create index delivery_finished on delivery (state, finished) where state > 2;
    create index delivery_letters on delivery (subscription, sequence) where state > 3;

    create index delivery_full on delivery (finished) where state = 3 and size is not null;

    -- Apart, because a delivery's row is written again and again.
    create table body (
        delivery integer primary key references delivery on delete cascade,
        bytes blob not null
    ) strict;

    create table attempt (
        delivery integer not null references delivery on delete cascade,
        number integer not null,
        at integer not null,
        took integer not null,
        outcome text not null,
        primary key (delivery, number)
    ) strict, without rowid;
", "
    -- What was answered to requests that are carried out once.
    create table once (
        number integer primary key,
        tenant text not null,
        key text not null,
        subscription text not null,
        digest blob not null,
        sealed_by text not null,
        answer blob not null,
        at integer not null,
        until integer not null,
        unique (tenant, key)
    ) strict;
    create index once_until on once (until);

    -- Changes with whatever was agreed with anybody, so that what is remembered of it is read again only then.
    create table generation (value integer not null) strict;
    insert into generation values (1);
    create trigger subscription_comes after insert on subscription begin
        update generation set value = value + 1;
    end;
    create trigger subscription_changes after update of terms on subscription begin
        update generation set value = value + 1;
    end;
    create trigger subscription_goes after delete on subscription begin
        update generation set value = value + 1;
    end;
"];

/// Brings a file to the version of this library.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| failed("migrate", &error))?;
    let found: i64 = transaction
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| failed("migrate", &error))?;
    let done = usize::try_from(found)
        .ok()
        .filter(|done| *done <= MIGRATIONS.len())
        .ok_or_else(|| too_new(found, MIGRATIONS.len()))?;
    for migration in &MIGRATIONS[done..] {
        transaction
            .execute_batch(migration)
            .map_err(|error| failed("migrate", &error))?;
    }
    transaction
        .pragma_update(None, "user_version", count(MIGRATIONS.len()))
        .and_then(|()| transaction.commit())
        .map_err(|error| failed("migrate", &error))
}

/// Whether a file is of the version of this library.
pub(super) fn check(connection: &Connection) -> Result<()> {
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| failed("open", &error))?;
    match found.cmp(&count(MIGRATIONS.len())) {
        Ordering::Equal => Ok(()),
        Ordering::Less => Err(too_old(found, MIGRATIONS.len())),
        Ordering::Greater => Err(too_new(found, MIGRATIONS.len())),
    }
}

/// What every connection is told first.
pub(super) fn prepare(connection: &Connection, synchronous: &str) -> Result<()> {
    let tell = || {
        connection.busy_timeout(super::BUSY)?;
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", -super::CACHE_KIB)?;
        // What a job may have to undo, which by default goes into a file when it gets long.
        connection.pragma_update(None, "temp_store", "memory")?;
        // In pages of 4 KiB: the same ones are written many times before they go from the log into the file.
        connection.pragma_update(None, "wal_autocheckpoint", 8000)?;
        // A log that has grown once is cut again.
        connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        connection.set_prepared_statement_cache_capacity(64);
        // A statement stays planned as it was, whatever values it is given.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(mode)
    };
    let mode = tell().map_err(|error: rusqlite::Error| failed("open", &error))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Config,
        format!(
            "the webhook store's file keeps its log as {mode:?}: it must be on a file system where SQLite can use \"wal\""
        ),
    ))
}
