//! What only a database does.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use polywire_core::ErrorKind;
use polywire_webhook::ManualClock;
use polywire_webhook::record::{Fate, Settlement, SubscriptionId};
use polywire_webhook::store::{Enqueued, LeaseAsk, PostgresOptions, PostgresStore, Store};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::database::Database;
use crate::world::{Reopen, SOON, World, ask, keyed, new, terms};

impl Database {
    async fn store(&self) -> PostgresStore {
        PostgresStore::open(PostgresOptions::new(&self.url))
            .await
            .unwrap()
    }
}

#[async_trait]
impl Reopen for Database {
    async fn open(&self, clock: ManualClock) -> Arc<dyn Store> {
        let options = PostgresOptions::new(&self.url).clock(clock);
        Arc::new(PostgresStore::open(options).await.unwrap())
    }
}

pub(crate) async fn world() -> World {
    World::new(Database::make().await).await
}

async fn subscribe(store: &PostgresStore) -> SubscriptionId {
    let id = SubscriptionId::random();
    store.create(&id, terms("acme", "orders")).await.unwrap();
    id
}

#[tokio::test]
async fn deliveries_are_kept_if_and_only_if_the_callers_transaction_commits() {
    let database = Database::make().await;
    let (store, other) = (database.store().await, database.store().await);
    let id = subscribe(&store).await;
    let mut own = PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql("create table purchase (name text primary key)")
        .execute(&mut own)
        .await
        .unwrap();
    let buy = "insert into purchase values ('lamp')";

    let mut transaction = own.begin().await.unwrap();
    sqlx::query(buy).execute(&mut *transaction).await.unwrap();
    let enqueued = store
        .enqueue_in(&mut transaction, &[keyed(&id, "bought", "lamp")])
        .await
        .unwrap();
    assert!(matches!(enqueued[..], [Enqueued::New { sequence: 1, .. }]));
    assert_eq!(
        other.lease(&ask(1)).await.unwrap().deliveries,
        [],
        "not before it commits"
    );
    transaction.rollback().await.unwrap();
    assert_eq!(other.lease(&ask(1)).await.unwrap().deliveries, []);

    let mut wakes = other.wakes();
    let mut transaction = own.begin().await.unwrap();
    sqlx::query(buy).execute(&mut *transaction).await.unwrap();
    let enqueued = store
        .enqueue_in(&mut transaction, &[keyed(&id, "bought", "lamp")])
        .await
        .unwrap();
    assert!(
        matches!(enqueued[..], [Enqueued::New { sequence: 1, .. }]),
        "no gap by what was rolled back"
    );
    transaction.commit().await.unwrap();
    let leased = loop {
        timeout(SOON, wakes.next())
            .await
            .expect("the other process is told");
        if let Some(leased) = other.lease(&ask(1)).await.unwrap().deliveries.pop() {
            break leased;
        }
    };
    assert_eq!(leased.delivery.webhook_id, "bought");
    let bounds = store
        .enqueue_in(&mut own.begin().await.unwrap(), &[new(&id, "")])
        .await
        .unwrap_err();
    assert_eq!(bounds.kind(), ErrorKind::TooLarge);
}

/// It sees the key as it was when it began, so that its delivery would wait for one that is done.
#[tokio::test]
async fn an_older_snapshot_is_refused_and_not_left_waiting() {
    let database = Database::make().await;
    let store = database.store().await;
    let id = subscribe(&store).await;
    store.enqueue(vec![keyed(&id, "first", "k")]).await.unwrap();
    let first = store.lease(&ask(1)).await.unwrap().deliveries.remove(0);
    let mut own = PgConnection::connect(&database.url).await.unwrap();
    let mut transaction = own.begin().await.unwrap();
    for statement in [
        "set transaction isolation level repeatable read",
        "select count(*) from polywire_webhook.delivery",
    ] {
        sqlx::query(statement)
            .execute(&mut *transaction)
            .await
            .unwrap();
    }
    let done = Settlement {
        claim: first.claim,
        fate: Fate::Done,
        attempt: None,
    };
    assert_eq!(store.settle(vec![done]).await.unwrap(), [true]);
    let next = [keyed(&id, "next", "k")];
    let error = store.enqueue_in(&mut transaction, &next).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    transaction.rollback().await.unwrap();
    let mut transaction = own.begin().await.unwrap();
    store.enqueue_in(&mut transaction, &next).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.lease(&ask(1)).await.unwrap().deliveries.len(), 1);
}

/// Leases go by the server's clock, which nobody here can turn.
#[tokio::test]
async fn a_worker_that_is_frozen_longer_than_its_lease_changes_nothing() {
    let database = Database::make().await;
    let (frozen, other) = (database.store().await, database.store().await);
    let id = subscribe(&frozen).await;
    let batch = (0..50)
        .map(|number| new(&id, &number.to_string()))
        .collect();
    frozen.enqueue(batch).await.unwrap();
    let short = LeaseAsk {
        lease: Duration::from_secs(1),
        ..ask(20)
    };
    let lost = frozen.lease(&short).await.unwrap().deliveries;
    assert_eq!(lost.len(), 20);
    let mut done = 0;
    let all = async {
        while done < 50 {
            let leased = other.lease(&ask(50)).await.unwrap().deliveries;
            let settled = leased.iter().map(|leased| Settlement {
                claim: leased.claim,
                fate: Fate::Done,
                attempt: None,
            });
            let settled = other.settle(settled.collect()).await.unwrap();
            assert!(settled.iter().all(|settled| *settled));
            done += settled.len();
        }
    };
    timeout(SOON, all).await.expect("leases run out");
    let late = lost.iter().map(|leased| Settlement {
        claim: leased.claim,
        fate: Fate::Done,
        attempt: None,
    });
    assert_eq!(frozen.settle(late.collect()).await.unwrap(), [false; 20]);
    let claims: Vec<_> = lost.iter().map(|leased| leased.claim).collect();
    assert_eq!(
        frozen
            .extend(&claims, Duration::from_secs(1))
            .await
            .unwrap(),
        [false; 20]
    );
}

#[tokio::test]
async fn what_cannot_be_used_is_refused() {
    let error = PostgresStore::open(PostgresOptions::new("mysql://u:secret@x/y"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert_eq!(
        error.to_string(),
        "\"mysql://u:***@x/y\" is no URL of a PostgreSQL database: it begins with neither postgres:// nor postgresql://; \
         write one like \"postgres://user@localhost/webhooks\""
    );
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let nobody = PostgresOptions::new(format!("postgres://u:secret@{closed}/y"))
        .patience(Duration::from_secs(2));
    assert!(!format!("{nobody:?}").contains("secret"));
    let error = PostgresStore::open(nobody).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");

    let database = Database::make().await;
    let missing = database.url.replace("polywire_test_", "polywire_none_");
    let error = PostgresStore::open(PostgresOptions::new(missing))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    database.store().await.close().await;
    let mut own = PgConnection::connect(&database.url).await.unwrap();
    sqlx::query("insert into polywire_webhook.version values (99)")
        .execute(&mut own)
        .await
        .unwrap();
    let error = PostgresStore::open(PostgresOptions::new(&database.url))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(
        error
            .to_string()
            .starts_with("the webhook store has schema 99: this version knows up to 2"),
        "{error}"
    );
}
