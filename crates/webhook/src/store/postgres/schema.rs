//! The tables, in a schema of their own, and how older ones become new.

use std::cmp::Ordering;

use sqlx::{Executor, PgPool};

use super::{Failed, Sql};
use crate::store::failure::{absent, too_new, too_old};
use crate::store::plan::count;

/// Each brings the tables from one version to the next. What is here never changes; what is new is added.
const MIGRATIONS: &[&str] = &["
    create table polywire_webhook.subscription (
        number bigint generated always as identity primary key,
        id text collate \"C\" not null unique,
        tenant text collate \"C\" not null,
        contract text collate \"C\" not null,
        active boolean not null,
        revision bigint not null,
        terms text not null,
        standing text not null,
        stopped boolean not null,
        held_until bigint not null
    );
    create index subscription_of_tenant on polywire_webhook.subscription (tenant, id);
    create index subscription_of_contract on polywire_webhook.subscription (contract, id);

    -- Its rows are what orders writers: whoever numbers or readies deliveries of a subscription locks its row first.
    create table polywire_webhook.counter (
        subscription bigint primary key references polywire_webhook.subscription on delete cascade,
        last bigint not null
    ) with (fillfactor = 50);

    create table polywire_webhook.delivery (
        id bigint generated always as identity primary key,
        subscription bigint not null references polywire_webhook.subscription on delete cascade,
        sequence bigint not null,
        state smallint not null,
        due bigint not null,
        fence bigint not null,
        lease_until bigint,
        attempts integer not null,
        created bigint not null,
        finished bigint,
        reason text,
        webhook_id text collate \"C\" not null,
        digest bytea not null,
        message_id text not null,
        interaction text not null,
        version text not null,
        ordering text collate \"C\",
        headers text not null,
        body bytea,
        unique (subscription, webhook_id),
        unique (subscription, sequence)
    ) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
    create index delivery_ready on polywire_webhook.delivery (subscription, due, id) where state = 1;
    create index delivery_leased on polywire_webhook.delivery (lease_until) where state = 2;
    create index delivery_ordered on polywire_webhook.delivery (subscription, ordering, sequence)
        where state < 3 and ordering is not null;
    -- Of each key at most one is ready or leased, whatever else goes wrong.
    create unique index delivery_head on polywire_webhook.delivery (subscription, ordering)
        where state > 0 and state < 3 and ordering is not null;
    create index delivery_finished on polywire_webhook.delivery (state, finished) where state > 2;
    create index delivery_full on polywire_webhook.delivery (finished) where state = 3 and body is not null;
    create index delivery_letters on polywire_webhook.delivery (subscription, sequence) where state > 3;

    create table polywire_webhook.attempt (
        delivery bigint not null references polywire_webhook.delivery on delete cascade,
        number bigint not null,
        at bigint not null,
        took bigint not null,
        outcome text not null,
        primary key (delivery, number)
    );
", "
    -- What was answered to requests that are carried out once.
    create table polywire_webhook.once (
        number bigint generated always as identity primary key,
        tenant text collate \"C\" not null,
        key text collate \"C\" not null,
        subscription text not null,
        digest bytea not null,
        sealed_by text not null,
        answer bytea not null,
        at bigint not null,
        until bigint not null,
        unique (tenant, key)
    );
    create index once_until on polywire_webhook.once (until);

    -- Changes with whatever was agreed with anybody, so that what is remembered of it is read again only then.
    create table polywire_webhook.generation (value bigint not null) with (fillfactor = 50);
    insert into polywire_webhook.generation values (1);
    create function polywire_webhook.next_generation() returns trigger language plpgsql as $$
        begin
            update polywire_webhook.generation set value = value + 1;
            return null;
        end
    $$;
    create trigger next_generation after insert or delete or update of terms on polywire_webhook.subscription
        for each statement execute function polywire_webhook.next_generation();
"];

/// Whether the tables are there and of the version of this library.
pub(super) async fn check(pool: &PgPool, sql: &Sql) -> Result<(), Failed> {
    let there: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(sql.put("polywire_webhook.version"))
        .fetch_one(pool)
        .await?;
    if !there {
        return Err(absent().into());
    }
    let found: Option<i32> =
        sqlx::query_scalar(&sql.of("select max(number) from polywire_webhook.version"))
            .fetch_one(pool)
            .await?;
    let found = i64::from(found.unwrap_or(0));
    match found.cmp(&count(MIGRATIONS.len())) {
        Ordering::Equal => Ok(()),
        Ordering::Less => Err(too_old(found, MIGRATIONS.len()).into()),
        Ordering::Greater => Err(too_new(found, MIGRATIONS.len()).into()),
    }
}

/// Brings the tables to the version of this library; of several processes one does it and the others wait.
pub(super) async fn migrate(pool: &PgPool, sql: &Sql) -> Result<(), Failed> {
    let mut transaction = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(sql.lock())
        .execute(&mut *transaction)
        .await?;
    // A text alone may be several statements.
    transaction
        .execute(&*sql.put(
            "create schema if not exists polywire_webhook;
             create table if not exists polywire_webhook.version (number integer not null);",
        ))
        .await?;
    let found: Option<i32> =
        sqlx::query_scalar(&sql.of("select max(number) from polywire_webhook.version"))
            .fetch_one(&mut *transaction)
            .await?;
    let found = found.unwrap_or(0);
    let done = usize::try_from(found)
        .ok()
        .filter(|done| *done <= MIGRATIONS.len())
        .ok_or_else(|| too_new(found.into(), MIGRATIONS.len()))?;
    for (migration, number) in MIGRATIONS.iter().zip(1_i32..).skip(done) {
        transaction.execute(&*sql.put(migration)).await?;
        sqlx::query(&sql.of("insert into polywire_webhook.version values ($1)"))
            .bind(number)
            .execute(&mut *transaction)
            .await?;
    }
    Ok(transaction.commit().await?)
}
