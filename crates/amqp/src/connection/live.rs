//! A connection that works until it is lost.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lapin::options::{BasicQosOptions, ConfirmSelectOptions};
use lapin::{Channel, Connection};
use polywire_contract::Retry;
use polywire_core::{Error, ErrorKind, Result};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::STEP;
use super::connect::Socket;
use crate::error::lost;

/// One connection, from login to loss. What is opened on it dies with it.
pub(crate) struct Live {
    /// Unlike that of any connection before.
    pub(crate) generation: u64,
    pub(super) connection: Connection,
    pub(super) socket: Socket,
    lost: CancellationToken,
    blocked: watch::Sender<Option<Arc<str>>>,
}

static GENERATIONS: AtomicU64 = AtomicU64::new(1);

impl Live {
    pub(super) fn new(connection: Connection, socket: Socket) -> Self {
        Self {
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            connection,
            socket,
            lost: CancellationToken::new(),
            blocked: watch::Sender::new(None),
        }
    }

    /// Whether the library still holds it for connected.
    pub(crate) fn is_connected(&self) -> bool {
        !self.lost.is_cancelled() && self.connection.status().connected()
    }

    /// Resolves when it is lost.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    pub(super) fn lose(&self) {
        self.lost.cancel();
        self.socket.shut();
    }

    /// Why the broker does not read from it, while it does not: an alarm about memory or disk.
    pub(crate) fn blocked(&self) -> Option<Arc<str>> {
        self.blocked.borrow().clone()
    }

    pub(super) fn set_blocked(&self, why: Option<Arc<str>>) {
        self.blocked.send_replace(why);
    }

    /// Resolves when the broker reads.
    pub(crate) async fn unblocked(&self) {
        // The sender lives as long as this, so waiting cannot fail.
        let _ = self.blocked.subscribe().wait_for(Option::is_none).await;
    }

    /// A new channel.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost, or has as many channels as it may.
    pub(crate) async fn channel(&self) -> Result<Channel> {
        self.step("opening a channel", self.connection.create_channel())
            .await
    }

    /// A new channel whose publishes are confirmed.
    ///
    /// # Errors
    /// As [`channel`](Self::channel).
    pub(crate) async fn confirming_channel(&self) -> Result<Channel> {
        let channel = self.channel().await?;
        self.step(
            "asking for confirms",
            channel.confirm_select(ConfirmSelectOptions::default()),
        )
        .await?;
        Ok(channel)
    }

    /// A new channel, each of whose consumers holds at most `prefetch` deliveries unsettled.
    ///
    /// # Errors
    /// As [`channel`](Self::channel).
    pub(crate) async fn consuming_channel(&self, prefetch: usize) -> Result<Channel> {
        let channel = self.channel().await?;
        let prefetch = u16::try_from(prefetch.max(1)).unwrap_or(u16::MAX);
        self.step(
            "setting the prefetch",
            channel.basic_qos(prefetch, BasicQosOptions { global: false }),
        )
        .await?;
        Ok(channel)
    }

    /// One protocol step, within a bound: none of the library's futures has one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn step<T>(
        &self,
        what: &'static str,
        work: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T> {
        self.raw_step(what, work)
            .await?
            .map_err(|error| lost(what, &error))
    }

    /// As [`step`](Self::step), leaving the broker's own answer to the caller.
    ///
    /// # Errors
    /// `Unavailable` when there is no answer.
    pub(crate) async fn raw_step<T>(
        &self,
        what: &'static str,
        work: impl Future<Output = lapin::Result<T>>,
    ) -> Result<lapin::Result<T>> {
        let gone = |why: &str| {
            Error::new(ErrorKind::Unavailable, format!("{what}: {why}")).retry_as(Retry::Later)
        };
        tokio::select! {
            biased;
            done = timeout(STEP, work) => done.map_err(|_| gone("no answer of the broker")),
            () = self.lost() => Err(gone("the connection to the broker was lost")),
        }
    }
}
