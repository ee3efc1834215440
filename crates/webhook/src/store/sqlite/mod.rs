//! One file, through SQLite: the default for one machine.
//!
//! One thread writes and one reads. The writing one commits together what was asked for while the last commit waited for the
//! disk; with [`Durability::Full`] an answer means that it is on the disk. Several processes may use one file.

mod backlog;
mod deliveries;
mod enqueue;
mod lease;
mod once;
mod options;
mod replay;
mod row;
mod schema;
mod settle;
mod subscriptions;
mod thread;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use polywire_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, ErrorCode};

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
use enqueue::Batch;
use lease::Turn;
pub use options::{Durability, SqliteOptions};
use thread::{Failed, Job, Thread};
use writer::Work;

/// How long another process's transaction is waited for.
const BUSY: Duration = Duration::from_secs(10);
/// How much of the file each connection keeps in memory.
const CACHE_KIB: i64 = 16 * 1024;

/// A store in one file. Cloning shares it.
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    writing: Thread<Work>,
    reading: Thread<Job>,
    clock: Arc<dyn Clock>,
    waker: Waker,
    turn: Turn,
}

impl SqliteStore {
    /// Opens a file, and brings it to this version unless only an [existing](SqliteOptions::existing) one is to be used.
    ///
    /// # Errors
    /// `Config` when the file was made by a later version, or an earlier one where it is to be used as it is, or cannot have a write-ahead log, `Unavailable` when it cannot be
    /// opened, `Integrity` when it is no file of SQLite.
    pub async fn open(options: SqliteOptions) -> Result<Self> {
        let clock = options.clock.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let mut writing = options.connect()?;
            if options.existing {
                schema::check(&writing)?;
            } else {
                schema::migrate(&mut writing)?;
            }
            let reading = options.connect()?;
            Ok::<_, Error>((writing, reading))
        });
        let (writing, reading) = opened.await.map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("opening the webhook store: {error}"),
            )
        })??;
        Ok(Self(Arc::new(Inner {
            writing: writer::writing(writing)?,
            reading: thread::reading(reading)?,
            clock,
            waker: Waker::new(),
            turn: Turn::default(),
        })))
    }

    fn now(&self) -> i64 {
        self.0.clock.now().as_millisecond()
    }

    async fn write<T: Send + 'static>(
        &self,
        what: &'static str,
        job: impl FnOnce(&Connection) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T> {
        self.0.writing.run(what, job).await
    }

    async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        job: impl FnOnce(&Connection) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T> {
        self.0.reading.run(what, job).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create(&self, id: &SubscriptionId, terms: Terms) -> Result<Subscription> {
        check::terms(&terms)?;
        let id = id.clone();
        self.write("create", move |on| subscriptions::create(on, id, terms))
            .await
    }

    async fn create_once(&self, once: &Once, id: &SubscriptionId, terms: Terms) -> Result<Created> {
        check::terms(&terms)?;
        check::once(once)?;
        let (once, id) = (once.clone(), id.clone());
        self.write("create", move |on| once::create(on, &once, id, terms))
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
        let (once, id) = (once.cloned(), id.clone());
        self.write("create", move |on| {
            once::create_within(on, most, once.as_ref(), id, terms)
        })
        .await
    }

    async fn once(&self, tenant: &str, key: &str, now: Timestamp) -> Result<Option<Once>> {
        let (tenant, key) = (tenant.to_owned(), key.to_owned());
        self.read("read", move |on| once::get(on, &tenant, &key, now))
            .await
    }

    async fn count(&self, tenant: &str) -> Result<usize> {
        let tenant = tenant.to_owned();
        self.read("count", move |on| subscriptions::count_of(on, &tenant))
            .await
    }

    async fn generation(&self) -> Result<u64> {
        self.read("read", subscriptions::generation).await
    }

    async fn last_sequence(&self, id: &SubscriptionId) -> Result<Option<u64>> {
        let id = id.clone();
        self.read("read", move |on| subscriptions::last(on, &id))
            .await
    }

    async fn update(&self, id: &SubscriptionId, revision: u64, terms: Terms) -> Result<Updated> {
        check::terms(&terms)?;
        let id = id.clone();
        let job = move |on: &Connection| subscriptions::update(on, &id, revision, &terms);
        let updated = self.write("update", job).await?;
        self.0.waker.wake();
        Ok(updated)
    }

    async fn stand(&self, id: &SubscriptionId, standing: &Standing) -> Result<bool> {
        let (id, standing) = (id.clone(), standing.clone());
        let stood = self
            .write("stand", move |on| subscriptions::stand(on, &id, &standing))
            .await?;
        self.0.waker.wake();
        Ok(stood)
    }

    async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>> {
        let id = id.clone();
        self.read("read", move |on| subscriptions::get(on, &id))
            .await
    }

    async fn subscriptions(&self, ask: &Subscriptions) -> Result<Vec<Subscription>> {
        check::subscriptions(ask)?;
        let ask = ask.clone();
        self.read("list", move |on| subscriptions::list(on, &ask))
            .await
    }

    async fn remove(&self, id: &SubscriptionId) -> Result<bool> {
        let id = id.clone();
        self.write("remove", move |on| subscriptions::remove(on, &id))
            .await
    }

    async fn enqueue(&self, new: Vec<NewDelivery>) -> Result<Vec<Enqueued>> {
        check::new(&new)?;
        let now = self.now();
        let ask = |tell| Work::Enqueue(Batch { new, now }, tell);
        let enqueued = self.0.writing.ask(ask).await?;
        self.0.waker.wake();
        Ok(enqueued)
    }

    async fn park(&self, new: NewDelivery, reason: &str) -> Result<Enqueued> {
        let (new, now) = (vec![new], self.now());
        check::new(&new)?;
        let (batch, reason) = (Batch { new, now }, reason.to_owned());
        self.write("park", move |on| enqueue::park(on, &batch, &reason))
            .await
    }

    async fn backlog(&self, id: &SubscriptionId) -> Result<Backlog> {
        let id = id.clone();
        self.read("count", move |on| backlog::count(on, &id)).await
    }

    async fn lease(&self, ask: &LeaseAsk) -> Result<LeasedBatch> {
        check::lease(ask)?;
        let (ask, now, turn) = (ask.clone(), self.now(), self.0.turn.clone());
        self.write("lease", move |on| lease::lease(on, &ask, &turn, now))
            .await
    }

    async fn extend(&self, claims: &[Claim], lease: Duration) -> Result<Vec<bool>> {
        check::batch("claims in one batch", claims.len())?;
        check::duration(lease)?;
        let (claims, now) = (claims.to_vec(), self.now());
        self.write("extend", move |on| lease::extend(on, &claims, lease, now))
            .await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<bool>> {
        check::settlements(&settlements)?;
        let now = self.now();
        let job = move |on: &Connection| settle::settle(on, &settlements, now);
        let (settled, readied) = self.write("settle", job).await?;
        if readied {
            self.0.waker.wake();
        }
        Ok(settled)
    }

    async fn acknowledge(&self, id: &SubscriptionId, sequences: &[u64]) -> Result<Vec<bool>> {
        check::batch("sequence numbers in one batch", sequences.len())?;
        let (id, sequences, now) = (id.clone(), sequences.to_vec(), self.now());
        let job = move |on: &Connection| settle::acknowledge(on, &id, &sequences, now);
        let done = self.write("acknowledge", job).await?;
        self.0.waker.wake();
        Ok(done)
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>> {
        self.read("read", move |on| deliveries::get(on, id)).await
    }

    async fn deliveries(&self, page: &Page) -> Result<Vec<Delivery>> {
        check::page(page)?;
        let page = page.clone();
        self.read("list", move |on| deliveries::list(on, &page))
            .await
    }

    async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>> {
        self.read("read", move |on| deliveries::attempts(on, id))
            .await
    }

    async fn replay(&self, replay: &Replay) -> Result<Replayed> {
        check::replay(replay)?;
        let (replay, now) = (replay.clone(), self.now());
        let replayed = self
            .write("replay", move |on| replay::replay(on, &replay, now))
            .await?;
        self.0.waker.wake();
        Ok(replayed)
    }

    async fn discard(&self, id: DeliveryId) -> Result<bool> {
        self.write("discard", move |on| deliveries::discard(on, id))
            .await
    }

    async fn sweep(&self, sweep: &Sweep) -> Result<Swept> {
        let sweep = *sweep;
        self.write("sweep", move |on| deliveries::sweep(on, &sweep))
            .await
    }

    fn wakes(&self) -> Wakes {
        self.0.waker.wakes()
    }

    async fn close(&self) {
        self.0.writing.close().await;
        self.0.reading.close().await;
    }
}

/// An error of the library, in the words of the core.
fn failed(what: &str, error: &rusqlite::Error) -> Error {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch) => {
            ErrorKind::Integrity
        }
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::PermissionDenied,
        ) => ErrorKind::Unavailable,
        Some(_) => ErrorKind::Internal,
        None => ErrorKind::Integrity,
    };
    Error::new(kind, format!("{what} in the webhook store: {error}"))
}
