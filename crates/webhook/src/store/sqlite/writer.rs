//! The thread that writes: it commits what many asked for together.

use polywire_core::Result;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::enqueue::{Batch, enqueue};
use super::failed;
use super::thread::{Job, Tell, Thread, Within, begin, unless};
use crate::store::Enqueued;
use crate::store::failure::unanswered;

/// How many are committed together. While one commit waits for the disk the next ones gather, so nobody waits for company.
const TOGETHER: usize = 256;

/// What the thread is asked. A job that fails is undone alone.
pub(super) enum Work {
    Job(Job),
    /// What is published by many at once goes into the tables together, as if one had published all of it.
    Enqueue(Batch, oneshot::Sender<Result<Vec<Enqueued>>>),
}

impl From<Job> for Work {
    fn from(job: Job) -> Self {
        Self::Job(job)
    }
}

pub(super) fn writing(connection: Connection) -> Result<Thread<Work>> {
    Thread::start("webhook-write", connection, commit_together)
}

/// One transaction.
struct Together<'a> {
    on: &'a Connection,
    /// New deliveries that are not in the tables yet.
    new: Vec<(Batch, oneshot::Sender<Result<Vec<Enqueued>>>)>,
    told: Vec<Tell>,
}

fn commit_together(connection: &Connection, first: Work, waiting: &mut mpsc::Receiver<Work>) {
    if let Err(error) = begin(connection).map_err(|error| failed("begin", &error)) {
        match first {
            Work::Job(job) => job(Err(error))(None),
            // Whoever asked may have left.
            Work::Enqueue(_, tell) => drop(tell.send(Err(error))),
        }
        return;
    }
    let mut together = Together {
        on: connection,
        new: Vec::new(),
        told: Vec::new(),
    };
    together.take(first);
    for _ in 1..TOGETHER {
        match waiting.try_recv() {
            Ok(work) => together.take(work),
            Err(_) => break,
        }
    }
    together.write();
    let committed = connection
        .prepare_cached("commit")
        .and_then(|mut commit| commit.execute([]))
        .map_err(|error| failed("commit", &error));
    if committed.is_err() && !connection.is_autocommit() {
        // Nothing of it was kept, and the next transaction begins anew; when even this fails, beginning it says so.
        let _ = connection.execute_batch("rollback");
    }
    let failure = committed.err();
    for tell in together.told {
        tell(failure.as_ref());
    }
}

impl<'a> Together<'a> {
    fn take(&mut self, work: Work) {
        match work {
            Work::Enqueue(batch, tell) => self.new.push((batch, tell)),
            Work::Job(job) => {
                // In the order in which they were asked for.
                self.write();
                self.told.push(job(Ok(self.within())));
            }
        }
    }

    fn within(&self) -> Within<'a> {
        if self.told.is_empty() {
            Within::Transaction(self.on)
        } else {
            Within::Savepoint(self.on)
        }
    }

    /// Writes new deliveries: all together, or each batch alone when that fails, as one of them is at fault.
    fn write(&mut self) {
        let new = std::mem::take(&mut self.new);
        if new.is_empty() {
            return;
        }
        let all = self
            .within()
            .run(|on| enqueue(on, new.iter().map(|(batch, _)| batch)));
        let mut answers = all.ok().map(Vec::into_iter);
        for (batch, tell) in new {
            let answer = match &mut answers {
                Some(answers) => answers.next().ok_or_else(unanswered),
                None => self.write_alone(&batch),
            };
            self.told.push(Box::new(move |failure| {
                // Whoever asked may have left.
                let _ = tell.send(unless(failure, answer));
            }));
        }
    }

    fn write_alone(&self, batch: &Batch) -> Result<Vec<Enqueued>> {
        let alone = Within::Savepoint(self.on).run(|on| enqueue(on, [batch]));
        let alone = alone.map_err(|error| error.into_error("enqueue"))?;
        alone.into_iter().next().ok_or_else(unanswered)
    }
}
