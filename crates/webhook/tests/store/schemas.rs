//! Stores of several schemas in one database.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use polywire_core::ErrorKind;
use polywire_webhook::ManualClock;
use polywire_webhook::record::SubscriptionId;
use polywire_webhook::store::{Enqueued, PostgresOptions, PostgresStore, Store, Subscriptions};
use sqlx::postgres::PgListener;
use sqlx::{Connection, Executor, PgConnection};
use tokio::time::timeout;

use crate::database::Database;
use crate::world::{Reopen, SOON, World, lease, names, new, terms};

const ALL: Subscriptions = Subscriptions {
    tenant: None,
    contract: None,
    after: None,
    limit: 10,
};

/// A schema whose name is a word of the language; the database has no other, which a statement could be in by mistake.
struct Named(Database);

#[async_trait]
impl Reopen for Named {
    async fn open(&self, clock: ManualClock) -> Arc<dyn Store> {
        let options = PostgresOptions::new(&self.0.url)
            .schema("user")
            .clock(clock);
        Arc::new(PostgresStore::open(options).await.unwrap())
    }
}

pub(crate) async fn world() -> World {
    World::new(Named(Database::make().await)).await
}

async fn open(database: &Database, schema: &str) -> PostgresStore {
    let options = PostgresOptions::new(&database.url).schema(schema);
    PostgresStore::open(options).await.unwrap()
}

/// One that every store is told of under the same id.
async fn subscribe(stores: &[&PostgresStore]) -> SubscriptionId {
    let id = SubscriptionId::random();
    for store in stores {
        store.create(&id, terms("acme", "orders")).await.unwrap();
    }
    id
}

#[tokio::test]
async fn do_not_see_each_other() {
    let database = Database::make().await;
    let default = PostgresStore::open(PostgresOptions::new(&database.url))
        .await
        .unwrap();
    let inbox = open(&database, "inbox").await;
    let id = subscribe(&[&default]).await;
    assert_eq!(inbox.subscription(&id).await.unwrap(), None);
    assert_eq!(inbox.subscriptions(&ALL).await.unwrap(), []);
    assert_eq!(inbox.count("acme").await.unwrap(), 0);
    assert_ne!(
        default.generation().await.unwrap(),
        inbox.generation().await.unwrap(),
        "nothing was agreed there"
    );
    subscribe(&[&inbox]).await;
    inbox.create(&id, terms("acme", "orders")).await.unwrap();

    // One transaction of the application's, on one connection that remembers statements.
    let mut own = PgConnection::connect(&database.url).await.unwrap();
    let mut transaction = own.begin().await.unwrap();
    for (store, name) in [(&default, "out"), (&inbox, "in"), (&default, "more")] {
        let enqueued = store
            .enqueue_in(&mut transaction, &[new(&id, name)])
            .await
            .unwrap();
        let expected = if name == "more" { 2 } else { 1 };
        let [Enqueued::New { sequence, .. }] = enqueued[..] else {
            panic!("{enqueued:?}");
        };
        assert_eq!(sequence, expected, "{name}");
    }
    transaction.commit().await.unwrap();
    assert_eq!(names(&lease(&inbox, 10).await), ["in"]);
    assert_eq!(names(&lease(&default, 10).await), ["out", "more"]);
    assert!(inbox.remove(&id).await.unwrap());
    assert!(default.subscription(&id).await.unwrap().is_some());

    let schemas: Vec<String> = sqlx::query_scalar(
        "select distinct schemaname::text from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema') order by 1",
    )
    .fetch_all(&mut own)
    .await
    .unwrap();
    assert_eq!(schemas, ["inbox", "polywire_webhook"]);
}

#[tokio::test]
async fn do_not_wake_each_other() {
    let database = Database::make().await;
    let default = PostgresStore::open(PostgresOptions::new(&database.url))
        .await
        .unwrap();
    let default_elsewhere = PostgresStore::open(PostgresOptions::new(&database.url))
        .await
        .unwrap();
    let inbox = open(&database, "inbox").await;
    let inbox_elsewhere = open(&database, "inbox").await;
    let id = subscribe(&[&default, &inbox]).await;
    let mut told = PgListener::connect(&database.url).await.unwrap();
    told.listen_all(["polywire_webhook", "polywire_webhook.inbox"])
        .await
        .unwrap();
    let (mut wakes, mut others) = (default_elsewhere.wakes(), inbox_elsewhere.wakes());
    let mut wrong = 0;
    let all = async {
        for number in 0..20 {
            let delivery = new(&id, &number.to_string());
            default.enqueue(vec![delivery]).await.unwrap();
            wakes.next().await;
            assert_eq!(told.recv().await.unwrap().channel(), "polywire_webhook");
            wrong += usize::from(others.next().now_or_never().is_some());
        }
        inbox.enqueue(vec![new(&id, "in")]).await.unwrap();
        assert_eq!(
            told.recv().await.unwrap().channel(),
            "polywire_webhook.inbox"
        );
        while lease(&inbox_elsewhere, 1).await.is_empty() {
            others.next().await;
        }
    };
    timeout(SOON, all).await.expect("each is told of its own");
    assert!(wrong <= 1, "woken {wrong} times, not only when it began");
}

/// Every table of one schema is locked, and so is the right to migrate it.
#[tokio::test]
async fn do_not_block_each_other() {
    let database = Database::make().await;
    let default = PostgresStore::open(PostgresOptions::new(&database.url))
        .await
        .unwrap();
    let mut own = PgConnection::connect(&database.url).await.unwrap();
    let mut transaction = own.begin().await.unwrap();
    let lock = i64::from_be_bytes(*b"polywire");
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(lock)
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction
        .execute(
            "lock table polywire_webhook.version, polywire_webhook.subscription, polywire_webhook.counter,
                 polywire_webhook.delivery, polywire_webhook.attempt, polywire_webhook.once, polywire_webhook.generation",
        )
        .await
        .unwrap();
    let url = database.url.clone();
    let waiting = tokio::spawn(PostgresStore::open(PostgresOptions::new(url)));
    let mut watch = PgConnection::connect(&database.url).await.unwrap();
    let waits = async {
        let mut waits = 0;
        while waits == 0 {
            waits = sqlx::query_scalar(
                "select count(*) from pg_locks l join pg_database d on d.oid = l.database
                 where d.datname = current_database() and locktype = 'advisory' and not granted",
            )
            .fetch_one(&mut watch)
            .await
            .unwrap();
        }
        waits
    };
    let waits: i64 = timeout(SOON, waits)
        .await
        .expect("the same schema is waited for");
    assert_eq!(waits, 1);

    let others = async {
        let inbox = open(&database, "inbox").await;
        let id = subscribe(&[&inbox]).await;
        inbox.enqueue(vec![new(&id, "in")]).await.unwrap();
        assert_eq!(names(&lease(&inbox, 10).await), ["in"]);
        assert!(inbox.remove(&id).await.unwrap());
    };
    timeout(SOON, others).await.expect("nobody is waited for");
    assert!(!waiting.is_finished());
    transaction.rollback().await.unwrap();
    let opened = timeout(SOON, waiting).await.expect("now it opens");
    opened.unwrap().unwrap().close().await;
    default.close().await;
}

#[tokio::test]
async fn have_names_that_are_checked() {
    let database = Database::make().await;
    let long = "a".repeat(41);
    for wrong in [
        "",
        &long,
        "Inbox",
        "in-box",
        "in box",
        "in\"box",
        "in.box",
        "1nbox",
        "_inbox",
        "posteingänge",
        "pg_inbox",
        "public",
        "information_schema",
    ] {
        let options = PostgresOptions::new(&database.url).schema(wrong);
        let error = PostgresStore::open(options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{wrong:?}: {error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "{wrong:?} cannot be the schema of a webhook store: expected 1 to 40 of a-z, 0-9 and _, beginning with a letter, \
                 and neither pg_... nor information_schema nor public; write one like \"polywire_inbox\""
            )
        );
    }
    // The longest, and what processes tell each other on with it.
    let longest = "z".repeat(40);
    for right in ["i", "polywire_webhook_2", longest.as_str()] {
        let (store, elsewhere) = (open(&database, right).await, open(&database, right).await);
        let id = subscribe(&[&store]).await;
        let mut wakes = elsewhere.wakes();
        store.enqueue(vec![new(&id, "one")]).await.unwrap();
        let found = async {
            while lease(&elsewhere, 1).await.is_empty() {
                wakes.next().await;
            }
        };
        timeout(SOON, found).await.expect(right);
    }
}

/// Tables as the first version of them was, with a subscription and a delivery in them.
#[tokio::test]
async fn need_not_be_named_for_a_database_that_exists() {
    let database = Database::make().await;
    let id: SubscriptionId = SubscriptionId::random();
    let mut own = PgConnection::connect(&database.url).await.unwrap();
    own.execute(include_str!("first.sql")).await.unwrap();
    sqlx::query(
        "insert into polywire_webhook.subscription
             (id, tenant, contract, active, revision, terms, standing, stopped, held_until)
         values ($1, 'acme', 'orders', true, 1, $2, '{}', false, 0)",
    )
    .bind(id.as_str())
    .bind(serde_json::to_string(&terms("acme", "orders")).unwrap())
    .execute(&mut own)
    .await
    .unwrap();
    own.execute(
        "insert into polywire_webhook.counter values (1, 1);
         insert into polywire_webhook.delivery (subscription, sequence, state, due, fence, attempts, created,
             webhook_id, digest, message_id, interaction, version, headers, body)
         values (1, 1, 1, 0, 0, 0, 0, 'before', '', 'm', 'shipped', '2.4.0', '[]', 'body')",
    )
    .await
    .unwrap();
    let store = PostgresStore::open(PostgresOptions::new(&database.url))
        .await
        .unwrap();
    assert_eq!(store.last_sequence(&id).await.unwrap(), Some(1));
    assert_eq!(names(&lease(&store, 10).await), ["before"]);
    let enqueued = store.enqueue(vec![new(&id, "after")]).await.unwrap();
    assert!(
        matches!(enqueued[..], [Enqueued::New { sequence: 2, .. }]),
        "{enqueued:?}"
    );
    let by_name = open(&database, "polywire_webhook").await;
    assert_eq!(
        names(&lease(&by_name, 10).await),
        ["after"],
        "it is the same"
    );
}
