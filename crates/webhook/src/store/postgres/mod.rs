//! PostgreSQL, for many workers on many machines.
//!
//! Workers share one queue by `for update skip locked`; leases, retries and reclaiming go by the server's clock, so that
//! those of the workers need not agree. Everything is in a schema of its own in any database, so that [`PostgresStore::enqueue_in`]
//! can be a part of the application's own transaction. Stores of different schemas share nothing but the server: no tables, no
//! locks, no notifications, no migrations.

mod backlog;
mod deliveries;
mod enqueue;
mod error;
mod gather;
mod lease;
mod listen;
mod once;
mod options;
mod order;
mod replay;
mod row;
mod rows;
mod schema;
mod settle;
mod sql;
mod subscriptions;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use polywire_core::Result;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use super::wakes::Waker;
use super::{
    Backlog, Created, Enqueued, LeaseAsk, LeasedBatch, Once, Page, Replay, Replayed, Store,
    Subscriptions, Sweep, Swept, Updated, Wakes, check,
};
use crate::clock::Clock;
use crate::record::{
    Attempt, Claim, Delivery, DeliveryId, NewDelivery, Settlement, Subscription, SubscriptionId,
    Terms,
};
use crate::schedule::Standing;
use error::Failed;
use gather::Gather;
use lease::Turn;
use listen::Listening;
pub use options::PostgresOptions;
use sql::Sql;

/// What time it is, where a test says so; else the server knows.
#[derive(Clone, Debug)]
struct Now(Option<Arc<dyn Clock>>);

impl Now {
    fn given(&self) -> Option<i64> {
        self.0.as_ref().map(|clock| clock.now().as_millisecond())
    }
}

/// A store in a database. Cloning shares it.
#[derive(Clone, Debug)]
pub struct PostgresStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    sql: Sql,
    now: Now,
    gather: Gather,
    waker: Waker,
    turn: Turn,
    listening: Listening,
}

impl PostgresStore {
    /// Connects, and brings the tables to this version unless only [existing](PostgresOptions::existing) ones are to be used.
    ///
    /// # Errors
    /// `Config` when the URL or the name of the schema is none, the credentials are refused or the tables were made by a later
    /// version or, where they are to be used as they are, by an earlier one, `Unavailable` when the server cannot be reached.
    pub async fn open(options: PostgresOptions) -> Result<Self> {
        let existing = options.existing;
        let (pool, sql, now) = options.connect()?;
        let ready = if existing {
            schema::check(&pool, &sql).await
        } else {
            schema::migrate(&pool, &sql).await
        };
        ready.map_err(|error| error.into_error("open"))?;
        let waker = Waker::new();
        Ok(Self(Arc::new(Inner {
            listening: Listening::start(pool.clone(), sql.channel().to_owned(), waker.clone()),
            gather: Gather::start(&pool, &sql, &now),
            pool,
            sql,
            now,
            waker,
            turn: Turn::default(),
        })))
    }

    /// Enqueues within the caller's own transaction: the deliveries are kept if and only if it commits.
    ///
    /// # Behavior
    /// From here until the transaction ends, others that enqueue for the same subscriptions wait, so let it be short. It may be
    /// at any isolation level; above `read committed` this fails with `Unavailable` when somebody else was there since it began,
    /// and the whole transaction is then to be tried again.
    ///
    /// # Errors
    /// As [`Store::enqueue`]. The transaction is then to be rolled back.
    pub async fn enqueue_in(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
        new: &[NewDelivery],
    ) -> Result<Vec<Enqueued>> {
        check::new(new)?;
        enqueue::enqueue(transaction, &self.0.sql, new, self.now())
            .await
            .map_err(|error| error.into_error("enqueue"))
    }

    fn now(&self) -> Option<i64> {
        self.0.now.given()
    }

    /// Runs a job in a transaction of its own.
    async fn write<T>(
        &self,
        what: &'static str,
        job: impl AsyncFnOnce(&mut PgConnection, &Sql) -> Result<T, Failed>,
    ) -> Result<T> {
        let all = async {
            let mut transaction = self.0.pool.begin().await?;
            let answer = job(&mut transaction, &self.0.sql).await?;
            transaction.commit().await?;
            Ok(answer)
        };
        all.await.map_err(|error: Failed| error.into_error(what))
    }
}

/// Tells every process that listens, when the transaction commits.
async fn notify(on: &mut PgConnection, sql: &Sql) -> Result<(), Failed> {
    sqlx::query("select pg_notify($1, '')")
        .bind(sql.channel())
        .execute(on)
        .await?;
    Ok(())
}

#[async_trait]
impl Store for PostgresStore {
    async fn create(&self, id: &SubscriptionId, terms: Terms) -> Result<Subscription> {
        check::terms(&terms)?;
        self.write("create", async |on, sql| {
            subscriptions::create(on, sql, id, terms).await
        })
        .await
    }

    async fn create_once(&self, once: &Once, id: &SubscriptionId, terms: Terms) -> Result<Created> {
        check::terms(&terms)?;
        check::once(once)?;
        self.write("create", async |on, sql| {
            once::create(on, sql, once, id, terms).await
        })
        .await
    }

    async fn create_within(
        &self,
        most: usize,
        once: Option<&Once>,
        id: &SubscriptionId,
        terms: Terms,
    ) -> Result<Created> {
        check::terms(&terms)?;
        once.map_or(Ok(()), check::once)?;
        self.write("create", async |on, sql| {
            once::create_within(on, sql, most, once, id, terms).await
        })
        .await
    }

    async fn once(&self, tenant: &str, key: &str, now: Timestamp) -> Result<Option<Once>> {
        self.write("read", async |on, sql| {
            once::get(on, sql, tenant, key, now).await
        })
        .await
    }

    async fn count(&self, tenant: &str) -> Result<usize> {
        let counted = subscriptions::count_of(&self.0.pool, &self.0.sql, tenant).await;
        counted.map_err(|error| error.into_error("count"))
    }

    async fn generation(&self) -> Result<u64> {
        subscriptions::generation(&self.0.pool, &self.0.sql)
            .await
            .map_err(|error| error.into_error("read"))
    }

    async fn last_sequence(&self, id: &SubscriptionId) -> Result<Option<u64>> {
        subscriptions::last(&self.0.pool, &self.0.sql, id)
            .await
            .map_err(|error| error.into_error("read"))
    }

    async fn update(&self, id: &SubscriptionId, revision: u64, terms: Terms) -> Result<Updated> {
        check::terms(&terms)?;
        let job = async |on: &mut PgConnection, sql: &Sql| {
            subscriptions::update(on, sql, id, revision, &terms).await
        };
        let updated = self.write("update", job).await?;
        self.0.waker.wake();
        Ok(updated)
    }

    async fn stand(&self, id: &SubscriptionId, standing: &Standing) -> Result<bool> {
        let job = async |on: &mut PgConnection, sql: &Sql| {
            subscriptions::stand(on, sql, id, standing).await
        };
        let stood = self.write("stand", job).await?;
        self.0.waker.wake();
        Ok(stood)
    }

    async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>> {
        self.write("read", async |on, sql| {
            subscriptions::get(on, sql, id).await
        })
        .await
    }

    async fn subscriptions(&self, ask: &Subscriptions) -> Result<Vec<Subscription>> {
        check::subscriptions(ask)?;
        subscriptions::list(&self.0.pool, &self.0.sql, ask)
            .await
            .map_err(|error| error.into_error("list"))
    }

    async fn remove(&self, id: &SubscriptionId) -> Result<bool> {
        self.write("remove", async |on, sql| {
            subscriptions::remove(on, sql, id).await
        })
        .await
    }

    async fn enqueue(&self, new: Vec<NewDelivery>) -> Result<Vec<Enqueued>> {
        check::new(&new)?;
        let enqueued = self.0.gather.enqueue(new).await?;
        self.0.waker.wake();
        Ok(enqueued)
    }

    async fn park(&self, new: NewDelivery, reason: &str) -> Result<Enqueued> {
        let new = [new];
        check::new(&new)?;
        let job = async |on: &mut PgConnection, sql: &Sql| {
            enqueue::park(on, sql, &new, reason, self.now()).await
        };
        self.write("park", job).await
    }

    async fn backlog(&self, id: &SubscriptionId) -> Result<Backlog> {
        backlog::count(&self.0.pool, &self.0.sql, id)
            .await
            .map_err(|error| error.into_error("count"))
    }

    async fn lease(&self, ask: &LeaseAsk) -> Result<LeasedBatch> {
        check::lease(ask)?;
        lease::lease(&self.0.pool, &self.0.sql, ask, &self.0.turn, self.now())
            .await
            .map_err(|error| error.into_error("lease"))
    }

    async fn extend(&self, claims: &[Claim], lease: Duration) -> Result<Vec<bool>> {
        check::batch("claims in one batch", claims.len())?;
        check::duration(lease)?;
        lease::extend(&self.0.pool, &self.0.sql, claims, lease, self.now())
            .await
            .map_err(|error| error.into_error("extend"))
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<bool>> {
        check::settlements(&settlements)?;
        let job = async |on: &mut PgConnection, sql: &Sql| {
            settle::settle(on, sql, &settlements, self.now()).await
        };
        let (settled, readied) = self.write("settle", job).await?;
        if readied {
            self.0.waker.wake();
        }
        Ok(settled)
    }

    async fn acknowledge(&self, id: &SubscriptionId, sequences: &[u64]) -> Result<Vec<bool>> {
        check::batch("sequence numbers in one batch", sequences.len())?;
        let job = async |on: &mut PgConnection, sql: &Sql| {
            settle::acknowledge(on, sql, id, sequences, self.now()).await
        };
        let done = self.write("acknowledge", job).await?;
        self.0.waker.wake();
        Ok(done)
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>> {
        deliveries::get(&self.0.pool, &self.0.sql, id)
            .await
            .map_err(|error| error.into_error("read"))
    }

    async fn deliveries(&self, page: &Page) -> Result<Vec<Delivery>> {
        check::page(page)?;
        deliveries::list(&self.0.pool, &self.0.sql, page)
            .await
            .map_err(|error| error.into_error("list"))
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>> {
        deliveries::attempts(&self.0.pool, &self.0.sql, id)
            .await
            .map_err(|error| error.into_error("read"))
    }

    async fn replay(&self, replay: &Replay) -> Result<Replayed> {
        check::replay(replay)?;
        let job = async |on: &mut PgConnection, sql: &Sql| {
            replay::replay(on, sql, replay, self.now()).await
        };
        let replayed = self.write("replay", job).await?;
        self.0.waker.wake();
        Ok(replayed)
    }

    async fn discard(&self, id: DeliveryId) -> Result<bool> {
        deliveries::discard(&self.0.pool, &self.0.sql, id)
            .await
            .map_err(|error| error.into_error("discard"))
    }

    async fn sweep(&self, sweep: &Sweep) -> Result<Swept> {
        deliveries::sweep(&self.0.pool, &self.0.sql, sweep)
            .await
            .map_err(|error| error.into_error("sweep"))
    }

    fn wakes(&self) -> Wakes {
        self.0.waker.wakes()
    }

    async fn close(&self) {
        self.0.gather.close().await;
        self.0.listening.stop().await;
        self.0.pool.close().await;
    }
}
