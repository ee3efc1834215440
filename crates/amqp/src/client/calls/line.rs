//! One channel of requests, and who waits for what on it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures_util::StreamExt;
use lapin::options::BasicConsumeOptions;
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Consumer};
use parking_lot::Mutex;
use polywire_core::Result;
use tokio::sync::mpsc;

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

/// Who waits for what on one line.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) next: AtomicU64,
    pub(super) calls: Mutex<HashMap<u64, mpsc::Sender<Answer>>>,
}

impl Waiting {
    fn hand(&self, correlation: Option<u64>, answer: Answer) {
        let Some(id) = correlation else { return };
        // Nobody waiting any more is fine: the deadline has passed, or the caller has gone.
        if let Some(waiter) = self.calls.lock().get(&id) {
            let _ = waiter.try_send(answer);
        }
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
    pub(super) async fn collect_returned(&self) {
        let Ok(returned) = self.opened.channel.wait_for_confirms().await else {
            return;
        };
        for message in returned {
            self.waiting
                .hand(correlated(&message.properties), Answer::NoRoute);
        }
    }
}

/// Hands replies to those who wait, until the channel ends; then everybody on it is told.
async fn hand_out(mut replies: Consumer, line: Arc<Line>) {
    loop {
        let reply = tokio::select! {
            biased;
            reply = replies.next() => reply,
            () = line.opened.live.lost() => None,
        };
        let Some(Ok(reply)) = reply else { break };
        let id = correlated(&reply.properties);
        line.waiting.hand(
            id,
            Answer::Reply(Box::new(reply.properties), reply.data.into()),
        );
    }
    // Dropping their senders tells those who wait.
    line.waiting.calls.lock().clear();
}
