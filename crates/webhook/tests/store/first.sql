-- The tables of a store as the first version of them was.
create schema polywire_webhook;
create table polywire_webhook.version (number integer not null);
insert into polywire_webhook.version values (1);
create table polywire_webhook.subscription (
    number bigint generated always as identity primary key,
    id text collate "C" not null unique,
    tenant text collate "C" not null,
    contract text collate "C" not null,
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
    webhook_id text collate "C" not null,
    digest bytea not null,
    message_id text not null,
    interaction text not null,
    version text not null,
    ordering text collate "C",
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
