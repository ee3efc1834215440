//! Being told by other processes that there is something to do.

use std::time::Duration;

use parking_lot::Mutex;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::task::JoinHandle;

use crate::store::wakes::Waker;

/// How long to wait before the next try when the server cannot be reached.
const AGAIN: Duration = Duration::from_secs(1);

/// A task that listens on a connection of its own, and ends with this value.
#[derive(Debug)]
pub(super) struct Listening(Mutex<Option<JoinHandle<()>>>);

impl Listening {
    pub(super) fn start(pool: PgPool, channel: String, waker: Waker) -> Self {
        Self(Mutex::new(Some(tokio::spawn(listen(pool, channel, waker)))))
    }

    /// Ends it, and resolves when its connection is free.
    pub(super) async fn stop(&self) {
        let task = self.0.lock().take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(task) = self.0.lock().take() {
            task.abort();
        }
    }
}

async fn listen(pool: PgPool, channel: String, waker: Waker) {
    while !pool.is_closed() {
        if let Err(error) = hear(&pool, &channel, &waker).await {
            tracing::warn!(%error, "the webhook store cannot listen: deliveries of other processes are found late until it can");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn hear(pool: &PgPool, channel: &str, waker: &Waker) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(channel).await?;
    loop {
        // What came before, or while the connection was lost, is not known.
        waker.wake();
        listener.try_recv().await?;
    }
}
