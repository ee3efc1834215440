//! One channel of requests, and who waits for what on it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::BasicConsumeOptions;
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Consumer};
use parking_lot::Mutex;
use polywire_core::Result;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

use super::Answer;
use crate::connection::Live;
use crate::publish::{Opened, Usable};

/// RabbitMQ's name for "reply on this channel".
pub(super) const REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// The channel that requests go out on and replies come back on.
pub(super) struct Line {
    pub(super) opened: Opened,
    pub(super) waiting: Arc<Waiting>,
}

/// When to look for returned requests after one was sent; the pauses grow from there.
const LOOK: Duration = Duration::from_millis(2);
const LONGEST_LOOK: Duration = Duration::from_millis(100);

/// Who waits for what on one line.
pub(super) struct Waiting {
    next: AtomicU64,
    /// `None` once the line has ended.
    calls: Mutex<Option<HashMap<u64, mpsc::Sender<Answer>>>>,
    asked: Notify,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            next: AtomicU64::new(0),
            calls: Mutex::new(Some(HashMap::new())),
            asked: Notify::new(),
        }
    }
}

impl Waiting {
    /// The id under which answers are handed to a waiter from now on; `None` when there will be none.
    pub(super) fn enter(&self, waiter: mpsc::Sender<Answer>) -> Option<u64> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.calls.lock().as_mut()?.insert(id, waiter);
        self.asked.notify_one();
        Some(id)
    }

    pub(super) fn leave(&self, id: u64) {
        if let Some(calls) = self.calls.lock().as_mut() {
            calls.remove(&id);
        }
    }

    fn hand(&self, correlation: Option<u64>, answer: Answer) {
        let Some(id) = correlation else { return };
        // Nobody waiting any more is fine: the deadline has passed, or the caller has gone.
        if let Some(waiter) = self.calls.lock().as_ref().and_then(|calls| calls.get(&id)) {
            let _ = waiter.try_send(answer);
        }
    }

    pub(super) fn has_several(&self) -> bool {
        self.calls
            .lock()
            .as_ref()
            .is_some_and(|calls| calls.len() > 1)
    }

    fn is_empty(&self) -> bool {
        self.calls.lock().as_ref().is_none_or(HashMap::is_empty)
    }
}

pub(super) fn correlation(id: u64) -> String {
    format!("{id:x}")
}

fn correlated(properties: &BasicProperties) -> Option<u64> {
    let text = properties.correlation_id().as_ref()?;
    u64::from_str_radix(text.as_str(), 16).ok()
}

impl Usable for Line {
    fn is_usable(&self) -> bool {
        self.opened.is_usable()
    }
}

impl Line {
    pub(super) async fn open(live: Arc<Live>) -> Result<Arc<Self>> {
        let channel = live.channel().await?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let consume = channel.basic_consume(
            REPLY_TO.into(),
            ShortString::default(),
            options,
            FieldTable::default(),
        );
        let consumer = live.step("waiting for replies", consume).await?;
        let line = Arc::new(Self {
            opened: Opened { live, channel },
            waiting: Arc::default(),
        });
        tokio::spawn(hand_out(consumer, line.clone()));
        Ok(line)
    }

    /// Hands returned requests to those who wait. The library keeps them until somebody asks.
    async fn collect_returned(&self) {
        let Ok(returned) = self.opened.channel.wait_for_confirms().await else {
            return;
        };
        for message in returned {
            self.waiting
                .hand(correlated(&message.properties), Answer::NoRoute);
        }
    }

    fn hand_reply(&self, reply: Delivery) {
        let id = correlated(&reply.properties);
        let answer = Answer::Reply(Box::new(reply.properties), reply.data.into());
        self.waiting.hand(id, answer);
    }
}

/// Hands replies and returned requests to those who wait, until the channel ends; then everybody on it is told.
async fn hand_out(mut replies: Consumer, line: Arc<Line>) {
    let mut pause = LOOK;
    let look = sleep(pause);
    let lost = line.opened.live.lost();
    tokio::pin!(look, lost);
    loop {
        tokio::select! {
            biased;
            () = &mut look, if !line.waiting.is_empty() => {
                line.collect_returned().await;
                pause = (pause * 2).min(LONGEST_LOOK);
                look.as_mut().reset(Instant::now() + pause);
            }
            reply = replies.next() => {
                let Some(Ok(reply)) = reply else { break };
                line.hand_reply(reply);
            }
            () = line.waiting.asked.notified() => {
                pause = LOOK;
                let soon = Instant::now() + LOOK;
                if soon < look.deadline() {
                    look.as_mut().reset(soon);
                }
            }
            () = &mut lost => break,
        }
    }
    // Dropping their senders tells those who wait.
    line.waiting.calls.lock().take();
}
