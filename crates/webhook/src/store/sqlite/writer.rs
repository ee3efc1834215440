//! One thread that owns a connection; the writing one commits what many asked for together.

use std::thread;

use parking_lot::Mutex;
use polywire_core::{Error, ErrorKind, Result};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::failed;
use crate::store::failure::closed;

/// How many wait for the thread before those who ask wait themselves.
const WAITING: usize = 1024;
/// How many are committed together. While one commit waits for the disk the next ones gather, so nobody waits for company.
const TOGETHER: usize = 256;

type Tell = Box<dyn FnOnce(Option<&Error>) + Send>;
/// Runs on the connection, or is told why it cannot.
type Job = Box<dyn FnOnce(Result<&Connection>) -> Tell + Send>;

/// A thread with a connection of its own.
#[derive(Debug)]
pub(super) struct Thread {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    /// Closed when the thread has ended.
    running: watch::Receiver<()>,
}

impl Thread {
    /// A thread that reads; each job sees one state of the file.
    pub(super) fn reading(connection: Connection) -> Result<Self> {
        Self::start("webhook-read", connection, |connection, first, _| {
            let tell = first(Ok(connection));
            tell(None);
        })
    }

    /// A thread that writes, many jobs in one transaction. A job that fails is undone alone.
    pub(super) fn writing(connection: Connection) -> Result<Self> {
        Self::start("webhook-write", connection, commit_together)
    }

    fn start(
        name: &str,
        connection: Connection,
        work: impl Fn(&Connection, Job, &mut mpsc::Receiver<Job>) + Send + 'static,
    ) -> Result<Self> {
        let (jobs, mut waiting) = mpsc::channel(WAITING);
        let (runs, running) = watch::channel(());
        let run = move || {
            let _runs = runs;
            while let Some(first) = waiting.blocking_recv() {
                work(&connection, first, &mut waiting);
            }
        };
        let spawned = thread::Builder::new().name(name.into()).spawn(run);
        spawned.map_err(|error| {
            let text = format!("no thread for the webhook store: {error}");
            Error::new(ErrorKind::Unavailable, text).caused_by(error)
        })?;
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            running,
        })
    }

    /// Runs a job on the thread, and resolves when what it did is committed.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        what: &'static str,
        job: impl FnOnce(&Connection) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T> {
        let (tell, told) = oneshot::channel();
        let job = Box::new(move |connection: Result<&Connection>| -> Tell {
            let answer = connection.and_then(|connection| {
                within_savepoint(connection, job).map_err(|error| error.into_error(what))
            });
            Box::new(move |failure| {
                let answer = match failure {
                    Some(failure) => answer.and_then(|_| Err(failure.clone())),
                    None => answer,
                };
                // Whoever asked may have left.
                let _ = tell.send(answer);
            })
        });
        let jobs = self.jobs.lock().clone().ok_or_else(closed)?;
        jobs.send(job).await.map_err(|_| closed())?;
        drop(jobs);
        told.await.map_err(|_| closed())?
    }

    /// Takes nothing new, and resolves when everything taken is done.
    pub(super) async fn close(&self) {
        self.jobs.lock().take();
        let mut running = self.running.clone();
        while running.changed().await.is_ok() {}
    }
}

/// Why a job failed.
#[derive(Debug)]
pub(super) enum Failed {
    Sqlite(rusqlite::Error),
    Other(Error),
}

impl Failed {
    fn into_error(self, what: &str) -> Error {
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

fn within_savepoint<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T, Failed>,
) -> Result<T, Failed> {
    connection.prepare_cached("savepoint job")?.execute([])?;
    let answer = job(connection);
    if answer.is_err() {
        connection.prepare_cached("rollback to job")?.execute([])?;
    }
    connection.prepare_cached("release job")?.execute([])?;
    answer
}

fn commit_together(connection: &Connection, first: Job, waiting: &mut mpsc::Receiver<Job>) {
    let begun = connection
        .prepare_cached("begin immediate")
        .and_then(|mut begin| begin.execute([]))
        .map_err(|error| failed("begin", &error));
    if let Err(error) = begun {
        first(Err(error))(None);
        return;
    }
    let mut told = vec![first(Ok(connection))];
    while told.len() < TOGETHER {
        match waiting.try_recv() {
            Ok(job) => told.push(job(Ok(connection))),
            Err(_) => break,
        }
    }
    let committed = connection
        .prepare_cached("commit")
        .and_then(|mut commit| commit.execute([]))
        .map_err(|error| failed("commit", &error));
    if committed.is_err() && !connection.is_autocommit() {
        // Nothing of it was kept, and the next transaction begins anew; when even this fails, beginning it says so.
        let _ = connection.execute_batch("rollback");
    }
    let failure = committed.err();
    for tell in told {
        tell(failure.as_ref());
    }
}
