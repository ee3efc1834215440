//! Whether a call is still in somebody's hands.
//!
//! A provider that is killed sends no reply, and a queue that goes with its last provider takes along what is in it. So a
//! caller that waits asks who has its call, and looks whether it is in the queue.

use std::time::Duration;

use lapin::BasicProperties;
use lapin::options::QueueDeclareOptions;
use lapin::types::{FieldTable, ShortString};
use polywire_contract::{Name, Retry};
use polywire_core::{Dispatched, Error, ErrorKind};
use tokio::time::{Instant, sleep};

use super::calls::Subject;
use super::offers::to_providers;
use super::{Answer, RUNNING};
use crate::broker::Broker;
use crate::topology::close;
use crate::wire::write_subject;

/// When a call is first looked for. While it is found the pauses double.
const LOOK: Duration = Duration::from_millis(800);
const LONGEST_LOOK: Duration = Duration::from_secs(8);
/// How many looks in a row must not find it: a provider whose connection was lost is back sooner, and still replies.
const LOOKS: u32 = 3;
/// How long an answer is waited for.
const WAIT: Duration = Duration::from_millis(300);

/// Where a call was sent, and by what it is known.
pub(super) struct Whereabouts<'a> {
    pub(super) contract: &'a Name,
    pub(super) queue: ShortString,
    pub(super) subject: Subject,
}

/// Ends when the call is in nobody's hands any more.
pub(super) async fn gone(broker: &Broker, call: Whereabouts<'_>) -> Error {
    let (mut pause, mut missed) = (LOOK, 0);
    while missed < LOOKS {
        sleep(pause).await;
        // Boxed, as few calls wait long enough to be looked for.
        match Box::pin(look(broker, &call)).await {
            Some(true) => (pause, missed) = ((pause * 2).min(LONGEST_LOOK), 0),
            Some(false) => (pause, missed) = (LOOK, missed + 1),
            // Nobody can know while the broker itself is away.
            None => pause = LOOK,
        }
    }
    Error::new(
        ErrorKind::Unavailable,
        format!(
            "the call is lost with the provider of contract {:?} that had it; the handler may have run",
            call.contract.as_str()
        ),
    )
    .retry_as(Retry::Later)
    .dispatched_as(Dispatched::Maybe)
}

/// Whether somebody has the call, or could: `None` when that cannot be asked.
async fn look(broker: &Broker, call: &Whereabouts<'_>) -> Option<bool> {
    let properties = BasicProperties::default().with_type(RUNNING.into());
    let properties = write_subject(properties, &call.subject).ok()?;
    let question = to_providers(broker, call.contract, properties).ok()?;
    let deadline = Instant::now() + WAIT;
    let mut asked = broker.calls.ask(question, deadline).await.ok()?;
    match asked.answer(deadline).await {
        Ok(Answer::Reply(..)) => Some(true),
        // A provider that answers no questions may have it.
        Ok(Answer::NoRoute) => queue(broker, call).await.map(|queue| queue.consumers > 0),
        Err(error) if error.kind() == ErrorKind::DeadlineExceeded => {
            queue(broker, call).await.map(|queue| queue.messages > 0)
        }
        Err(_) => None,
    }
}

#[derive(Default)]
struct Queue {
    consumers: u32,
    messages: u32,
}

/// What the broker says of the call's queue; one that is not there has nothing.
async fn queue(broker: &Broker, call: &Whereabouts<'_>) -> Option<Queue> {
    let live = broker
        .publishing
        .live_until(Instant::now() + WAIT)
        .await
        .ok()?;
    let channel = live.channel().await.ok()?;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let looking = channel.queue_declare(call.queue.clone(), passive, FieldTable::default());
    match live.raw_step("looking at a queue", looking).await.ok()? {
        Ok(found) => {
            close(&live, &channel).await;
            Some(Queue {
                consumers: found.consumer_count(),
                messages: found.message_count(),
            })
        }
        Err(error) if crate::error::is_missing(&error) => Some(Queue::default()),
        Err(_) => None,
    }
}
