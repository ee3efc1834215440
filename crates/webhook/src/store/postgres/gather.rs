//! Small batches made one: what many enqueue while earlier transactions are under way goes into the next one together.

use std::sync::Arc;

use parking_lot::Mutex;
use polywire_core::{Error, Result};
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::enqueue::enqueue;
use super::{Failed, Now, Sql};
use crate::record::NewDelivery;
use crate::store::Enqueued;
use crate::store::failure::closed;

/// How many transactions are under way at once. More would be smaller, and wait for each other's subscriptions.
const TRANSACTIONS: usize = 2;
/// How many deliveries go into one, unless a single batch has more.
const TOGETHER: usize = 256;
/// How many batches wait before those who enqueue wait themselves.
const WAITING: usize = 1024;

struct Asked {
    new: Vec<NewDelivery>,
    answer: oneshot::Sender<Result<Vec<Enqueued>>>,
}

/// Who gathers; it ends with this value, after what it has taken.
#[derive(Debug)]
pub(super) struct Gather {
    asked: Mutex<Option<mpsc::Sender<Asked>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Gather {
    pub(super) fn start(pool: &PgPool, sql: &Sql, now: &Now) -> Self {
        let (asked, waiting) = mpsc::channel(WAITING);
        let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
        let task = |_| {
            tokio::spawn(work(
                pool.clone(),
                sql.clone(),
                now.clone(),
                waiting.clone(),
            ))
        };
        Self {
            asked: Mutex::new(Some(asked)),
            tasks: Mutex::new((0..TRANSACTIONS).map(task).collect()),
        }
    }

    /// Resolves when the deliveries are durable.
    pub(super) async fn enqueue(&self, new: Vec<NewDelivery>) -> Result<Vec<Enqueued>> {
        let (answer, answered) = oneshot::channel();
        let asked = self.asked.lock().clone().ok_or_else(closed)?;
        asked
            .send(Asked { new, answer })
            .await
            .map_err(|_| closed())?;
        drop(asked);
        answered.await.map_err(|_| closed())?
    }

    /// Takes nothing new, and resolves when everything taken is done.
    pub(super) async fn close(&self) {
        self.asked.lock().take();
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            let _ = task.await;
        }
    }
}

async fn work(
    pool: PgPool,
    sql: Sql,
    now: Now,
    waiting: Arc<tokio::sync::Mutex<mpsc::Receiver<Asked>>>,
) {
    loop {
        let mut batches = Vec::new();
        {
            let mut waiting = waiting.lock().await;
            let Some(first) = waiting.recv().await else {
                return;
            };
            let mut count = first.new.len();
            batches.push(first);
            while count < TOGETHER {
                let Ok(next) = waiting.try_recv() else { break };
                count += next.new.len();
                batches.push(next);
            }
        }
        let mut sizes = Vec::with_capacity(batches.len());
        let mut all = Vec::new();
        for batch in &mut batches {
            sizes.push(batch.new.len());
            all.append(&mut batch.new);
        }
        let outcome = keep(&pool, &sql, &all, &now).await;
        tell(batches, sizes, outcome);
    }
}

async fn keep(
    pool: &PgPool,
    sql: &Sql,
    new: &[NewDelivery],
    now: &Now,
) -> Result<Vec<Enqueued>, Error> {
    let all = async {
        let mut transaction = pool.begin().await?;
        let enqueued = enqueue(&mut transaction, sql, new, now.given()).await?;
        transaction.commit().await?;
        Ok(enqueued)
    };
    all.await
        .map_err(|error: Failed| error.into_error("enqueue"))
}

fn tell(batches: Vec<Asked>, sizes: Vec<usize>, outcome: Result<Vec<Enqueued>, Error>) {
    let mut answers = outcome.map(Vec::into_iter);
    for (batch, size) in batches.into_iter().zip(sizes) {
        let answer = match &mut answers {
            Ok(answers) => Ok(answers.take(size).collect()),
            Err(error) => Err(error.clone()),
        };
        // Whoever asked may have left.
        let _ = batch.answer.send(answer);
    }
}
