//! Acks in bunches: one frame for all deliveries up to the first that is still in somebody's hands.

mod window;

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use parking_lot::Mutex;
use polywire_contract::Retry;
use polywire_core::{Error, ErrorKind, Result};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::connection::Live;
use window::{Frames, Mark, Window};

/// How long an ack may wait for others.
const DELAY: Duration = Duration::from_millis(5);
/// How many acks go at once, if the prefetch allows it.
const BUNCH: usize = 50;

/// The acks of one channel. Dropping the last clone sends what is left and closes the channel.
#[derive(Clone)]
pub(crate) struct Acks {
    inner: Arc<Inner>,
    _end: Arc<DropGuard>,
}

pub(crate) struct Inner {
    live: Arc<Live>,
    channel: Channel,
    bunch: usize,
    state: Mutex<Window>,
    some: Notify,
    urgent: Notify,
    sending: tokio::sync::Mutex<()>,
}

impl Acks {
    pub(crate) fn new(live: Arc<Live>, channel: Channel, prefetch: usize) -> Self {
        let ended = CancellationToken::new();
        let inner = Arc::new(Inner {
            live,
            channel,
            bunch: (prefetch / 4).clamp(1, BUNCH),
            state: Mutex::default(),
            some: Notify::new(),
            urgent: Notify::new(),
            sending: tokio::sync::Mutex::default(),
        });
        tokio::spawn(run(inner.clone(), ended.clone()));
        Self {
            inner,
            _end: Arc::new(ended.drop_guard()),
        }
    }

    /// The connection underneath.
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.inner.live
    }

    /// Done with a delivery. The broker hears of it within [`DELAY`], if nothing before it is still held.
    ///
    /// # Errors
    /// `Unavailable` when the delivery's channel is gone: the message will be delivered again.
    pub(crate) fn ack(&self, tag: u64) -> Result<()> {
        let inner = &self.inner;
        if !inner.is_open() {
            return Err(gone());
        }
        let (first, enough) = {
            let mut state = inner.state.lock();
            let idle = state.is_idle();
            state.mark(tag, Mark::Acked(0));
            (idle, state.waiting >= inner.bunch)
        };
        if enough {
            inner.urgent.notify_one();
        }
        if first {
            inner.some.notify_one();
        }
        Ok(())
    }

    /// Gives a delivery back to its queue, at once.
    pub(crate) fn give_back(&self, tag: u64) {
        self.inner.state.lock().give_back(tag);
        self.inner.urgent.notify_one();
        self.inner.some.notify_one();
    }

    /// Sends everything now.
    pub(crate) async fn flush(&self) {
        self.inner.send(true).await;
    }
}

/// The acks of all channels of a transport, so that none is left behind when it closes.
#[derive(Default)]
pub(crate) struct Pending(Mutex<Vec<Weak<Inner>>>);

impl Pending {
    pub(crate) fn add(&self, acks: &Acks) {
        let mut all = self.0.lock();
        all.retain(|one| one.strong_count() > 0);
        all.push(Arc::downgrade(&acks.inner));
    }

    /// Sends everything now and closes the channels, so that the broker sends nothing more when their connection ends.
    pub(crate) async fn finish(&self) {
        let all: Vec<_> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        join_all(all.iter().map(|inner| inner.finish())).await;
    }
}

fn gone() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the connection on which the message came was lost: it will be delivered again",
    )
    .retry_as(Retry::Never)
}

impl Inner {
    fn is_open(&self) -> bool {
        self.channel.status().connected() && self.live.is_connected()
    }

    async fn send(&self, impatient: bool) {
        // One at a time, so that frames leave in the order in which they were decided.
        let _one = self.sending.lock().await;
        let frames = self.state.lock().frames(impatient);
        if let Err(error) = self.write(frames).await {
            tracing::debug!(%error, "acks were lost with their channel; the messages come again");
        }
    }

    async fn finish(&self) {
        self.send(true).await;
        if self.is_open() {
            crate::topology::close(&self.live, &self.channel).await;
        }
    }

    async fn write(&self, frames: Frames) -> Result<()> {
        for tag in frames.returned {
            let options = BasicNackOptions {
                requeue: true,
                multiple: false,
            };
            self.live
                .step("giving back", self.channel.basic_nack(tag, options))
                .await?;
        }
        if let Some(tag) = frames.up_to {
            let options = BasicAckOptions { multiple: true };
            self.live
                .step("acking", self.channel.basic_ack(tag, options))
                .await?;
        }
        for tag in frames.alone {
            let options = BasicAckOptions { multiple: false };
            self.live
                .step("acking", self.channel.basic_ack(tag, options))
                .await?;
        }
        Ok(())
    }
}

async fn run(inner: Arc<Inner>, ended: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = inner.live.lost() => return,
            () = ended.cancelled() => break,
            () = inner.some.notified() => {}
        }
        while !inner.state.lock().is_idle() {
            tokio::select! {
                biased;
                () = inner.live.lost() => return,
                () = ended.cancelled() => break,
                () = inner.urgent.notified() => {}
                () = sleep(DELAY) => {}
            }
            inner.send(false).await;
        }
    }
    inner.finish().await;
}
