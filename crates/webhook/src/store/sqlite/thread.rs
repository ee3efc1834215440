//! One thread that owns a connection, and what it is asked.

use std::{fmt, thread};

use parking_lot::Mutex;
use polywire_core::{Error, Result};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::failed;
use crate::store::failure::{closed, no_thread};

/// How many wait for the thread before those who ask wait themselves.
const WAITING: usize = 1024;

/// Says what came of a job, or why what it did was not kept.
pub(super) type Tell = Box<dyn FnOnce(Option<&Error>) + Send>;
/// Runs on the connection, or is told why it cannot.
pub(super) type Job = Box<dyn FnOnce(Result<Within<'_>>) -> Tell + Send>;

/// A thread with a connection of its own, which is asked for work of one kind.
pub(super) struct Thread<W> {
    asked: Mutex<Option<mpsc::Sender<W>>>,
    /// Closed when the thread has ended.
    running: watch::Receiver<()>,
}

impl<W: Send + 'static> Thread<W> {
    /// A thread that does what it is asked one after the other; `work` may take more of what waits.
    pub(super) fn start(
        name: &str,
        connection: Connection,
        work: impl Fn(&Connection, W, &mut mpsc::Receiver<W>) + Send + 'static,
    ) -> Result<Self> {
        let (asked, mut waiting) = mpsc::channel(WAITING);
        let (runs, running) = watch::channel(());
        let run = move || {
            let _runs = runs;
            while let Some(first) = waiting.blocking_recv() {
                work(&connection, first, &mut waiting);
            }
        };
        let spawned = thread::Builder::new().name(name.into()).spawn(run);
        spawned.map_err(no_thread)?;
        Ok(Self {
            asked: Mutex::new(Some(asked)),
            running,
        })
    }

    /// Asks for work, which answers through what is given with it.
    pub(super) async fn ask<T>(
        &self,
        work: impl FnOnce(oneshot::Sender<Result<T>>) -> W + Send,
    ) -> Result<T>
    where
        T: Send,
    {
        let (tell, told) = oneshot::channel();
        let asked = self.asked.lock().clone().ok_or_else(closed)?;
        asked.send(work(tell)).await.map_err(|_| closed())?;
        drop(asked);
        told.await.map_err(|_| closed())?
    }

    /// Runs a job on the thread, and resolves when what it did is committed.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        what: &'static str,
        job: impl FnOnce(&Connection) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T>
    where
        W: From<Job>,
    {
        let job = |tell: oneshot::Sender<Result<T>>| -> Job {
            Box::new(move |within: Result<Within<'_>>| {
                let answer = within
                    .and_then(|within| within.run(job).map_err(|error| error.into_error(what)));
                Box::new(move |failure| {
                    // Whoever asked may have left.
                    let _ = tell.send(unless(failure, answer));
                })
            })
        };
        self.ask(|tell| job(tell).into()).await
    }

    /// Takes nothing new, and resolves when everything taken is done.
    pub(super) async fn close(&self) {
        self.asked.lock().take();
        let mut running = self.running.clone();
        while running.changed().await.is_ok() {}
    }
}

impl<W> fmt::Debug for Thread<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread").finish_non_exhaustive()
    }
}

/// A thread that reads; each job sees one state of the file.
pub(super) fn reading(connection: Connection) -> Result<Thread<Job>> {
    Thread::start("webhook-read", connection, |connection, first: Job, _| {
        let tell = first(Ok(Within::Savepoint(connection)));
        tell(None);
    })
}

/// An answer, unless what was done was not kept.
pub(super) fn unless<T>(failure: Option<&Error>, answer: Result<T>) -> Result<T> {
    match failure {
        Some(failure) => answer.and_then(|_| Err(failure.clone())),
        None => answer,
    }
}

/// Why a job failed.
#[derive(Debug)]
pub(super) enum Failed {
    Sqlite(rusqlite::Error),
    Other(Error),
}

impl Failed {
    pub(super) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Sqlite(error) => failed(what, &error),
            Self::Other(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// What a job that fails is undone with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Within<'c> {
    /// The transaction, in which nothing else has been done yet. It costs nothing until it is used.
    Transaction(&'c Connection),
    /// A part of the transaction of its own, for which SQLite keeps what was on every page before.
    Savepoint(&'c Connection),
}

impl Within<'_> {
    /// Does something, or nothing of it.
    pub(super) fn run<T>(
        self,
        job: impl FnOnce(&Connection) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        match self {
            Self::Transaction(on) => {
                let answer = job(on);
                if answer.is_err() {
                    // It may have ended with the error.
                    if !on.is_autocommit() {
                        on.execute_batch("rollback")?;
                    }
                    begin(on)?;
                }
                answer
            }
            Self::Savepoint(on) => {
                on.prepare_cached("savepoint job")?.execute([])?;
                let answer = job(on);
                if answer.is_err() {
                    on.prepare_cached("rollback to job")?.execute([])?;
                }
                on.prepare_cached("release job")?.execute([])?;
                answer
            }
        }
    }
}

/// Begins a transaction that writes.
pub(super) fn begin(on: &Connection) -> Result<(), rusqlite::Error> {
    on.prepare_cached("begin immediate")?.execute([])?;
    Ok(())
}
