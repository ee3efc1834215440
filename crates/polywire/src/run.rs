//! A process's life: until it is told to stop, then as long as running work needs, within a bound.

use std::future::pending;

use polywire_core::{Dispatched, Error, ErrorKind, Result};
use tokio::time::timeout;

use crate::wire::Polywire;

impl Polywire {
    /// Waits until the process is told to stop, by SIGTERM or ctrl-c, then stops taking work, lets what runs finish
    /// within `[service] drain_timeout`, and closes everything. A second signal ends the wait at once.
    ///
    /// # Errors
    /// `DeadlineExceeded` when work was cut off; otherwise what [`drain`](Self::drain) and [`close`](Self::close) say,
    /// and `Internal` when signals cannot be listened to.
    ///
    /// With the feature `signal`, a default one. What is built as a plugin does without: see
    /// [`run_until`](Self::run_until).
    #[cfg(feature = "signal")]
    pub async fn run(&self) -> Result<()> {
        let mut signals = crate::signals::Signals::listen()?;
        signals.next().await;
        self.stop(signals.next()).await
    }

    /// As [`run`](Self::run), told to stop by a future instead of a signal, for programs with an end of their own.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_until(&self, stop: impl Future<Output = ()> + Send) -> Result<()> {
        stop.await;
        self.stop(pending()).await
    }

    async fn stop(&self, hurry: impl Future<Output = ()> + Send) -> Result<()> {
        let bound = self.drain_timeout();
        tracing::info!(?bound, "draining");
        let drained = tokio::select! {
            drained = timeout(bound, self.drain()) => drained.unwrap_or_else(|_| Err(cut_off(&format!("work still ran after drain_timeout of {bound:?}")))),
            () = hurry => Err(cut_off("told to stop twice while work still ran")),
        };
        if let Err(error) = &drained {
            tracing::warn!(%error, "not drained");
        }
        let closed = self.close().await;
        tracing::info!("closed");
        drained.and(closed)
    }
}

fn cut_off(text: &str) -> Error {
    Error::new(
        ErrorKind::DeadlineExceeded,
        format!("{text}, and was cut off"),
    )
    .dispatched_as(Dispatched::Yes)
    .attempting("drain")
}
