//! Requests and their replies on one channel, by direct reply-to.
//!
//! The channel does not confirm: a call that is lost is noticed by its deadline or by the loss of the connection. A
//! request that no queue would take comes back, and is told from others by its correlation id.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Consumer};
use parking_lot::Mutex;
use polywire_contract::Retry;
use polywire_core::{Dispatched, Error, ErrorKind, Result};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout_at};

use crate::connection::{Link, Live};
use crate::error::lost;
use crate::publish::{Opened, Outgoing, Shared, Usable, blocked, wait_until_read};

/// RabbitMQ's name for "reply on this channel".
const REPLY_TO: &str = "amq.rabbitmq.reply-to";
/// When to look for returned requests first; the pauses grow from there.
const LOOK: Duration = Duration::from_millis(2);
const LONGEST_LOOK: Duration = Duration::from_millis(100);
/// How many answers to one question are kept at once.
const ANSWERS: usize = 32;

/// What came back for a request.
#[derive(Debug)]
pub(crate) enum Answer {
    Reply(Box<BasicProperties>, Bytes),
    /// No queue would take the request.
    NoRoute,
}

/// All requests of a transport.
pub(crate) struct Calls {
    places: Arc<Semaphore>,
    current: Shared<Line>,
}

struct Line {
    opened: Opened,
    waiting: Arc<Waiting>,
}

/// Who waits for what on one line.
#[derive(Default)]
struct Waiting {
    next: AtomicU64,
    calls: Mutex<HashMap<u64, mpsc::Sender<Answer>>>,
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

/// A request under way; dropping it forgets it.
pub(crate) struct Asked {
    line: Arc<Line>,
    id: u64,
    message_id: Option<ShortString>,
    answers: mpsc::Receiver<Answer>,
    _place: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.line.waiting.calls.lock().remove(&self.id);
    }
}

/// By what a provider knows a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub(crate) message_id: Option<ShortString>,
    pub(crate) correlation_id: ShortString,
}

impl Asked {
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            message_id: self.message_id.clone(),
            correlation_id: ShortString::try_new(correlation(self.id)).unwrap_or_default(),
        }
    }

    /// The work of telling providers that nobody waits for the call any more. Best effort: the deadline ends it too.
    pub(super) fn give_up(&self, notice: Outgoing) -> impl Future<Output = ()> + Send + 'static {
        let channel = self.line.opened.channel.clone();
        async move {
            let publish = channel.basic_publish(
                notice.exchange,
                notice.key,
                BasicPublishOptions::default(),
                &notice.body,
                notice.properties,
            );
            if let Ok(Err(error)) = tokio::time::timeout(LONGEST_LOOK, publish).await {
                tracing::debug!(%error, "a provider was not told that a call is given up");
            }
        }
    }

    /// The next answer.
    ///
    /// # Errors
    /// `DeadlineExceeded`, or `Unavailable` when the connection is lost: the handler may have run.
    pub(crate) async fn answer(&mut self, deadline: Instant) -> Result<Answer> {
        let mut look = LOOK;
        let late = tokio::time::sleep_until(deadline);
        tokio::pin!(late);
        loop {
            tokio::select! {
                biased;
                answer = self.answers.recv() => return answer.ok_or_else(gone),
                () = self.line.opened.live.lost() => return Err(gone()),
                () = &mut late => return Err(Error::new(
                    ErrorKind::DeadlineExceeded,
                    "no answer before the deadline; the handler may have run",
                )),
                () = sleep(look) => {
                    look = (look * 2).min(LONGEST_LOOK);
                    self.line.collect_returned().await;
                    if !self.line.opened.is_usable() {
                        return Err(gone());
                    }
                }
            }
        }
    }
}

fn correlation(id: u64) -> String {
    format!("{id:x}")
}

fn correlated(properties: &BasicProperties) -> Option<u64> {
    let text = properties.correlation_id().as_ref()?;
    u64::from_str_radix(text.as_str(), 16).ok()
}

fn gone() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the connection to the broker was lost while the call was under way; the handler may have run",
    )
    .retry_as(Retry::Later)
    .dispatched_as(Dispatched::Maybe)
}

impl Usable for Line {
    fn is_usable(&self) -> bool {
        self.opened.is_usable()
    }
}

impl Line {
    async fn open(live: Arc<Live>) -> Result<Arc<Self>> {
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
}

impl Calls {
    pub(crate) fn new(link: Link, most: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            current: Shared::new(link),
        }
    }

    /// Sends a request; what comes back is the returned value's to tell.
    ///
    /// # Errors
    /// `Unavailable` when the broker cannot be reached before the deadline, `Overloaded` when it reads nothing or as many
    /// calls are under way as may be. The handler did not run, unless the error says otherwise.
    pub(crate) async fn ask(&self, message: Outgoing, deadline: Instant) -> Result<Asked> {
        let (asked, unsent) = self.prepare(message, deadline).await?;
        unsent.send().await?;
        Ok(asked)
    }

    /// Makes ready to send a request, so that who stops waiting while it is being sent has what it takes to say so.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) async fn prepare(
        &self,
        mut message: Outgoing,
        deadline: Instant,
    ) -> Result<(Asked, Unsent)> {
        if deadline <= Instant::now() {
            return Err(Error::new(
                ErrorKind::DeadlineExceeded,
                "the deadline had passed before the call was sent",
            )
            .dispatched_as(Dispatched::No));
        }
        let place = self.places.clone().try_acquire_owned().map_err(|_| {
            Error::new(
                ErrorKind::Overloaded,
                "as many calls are under way as may be: retry later",
            )
        })?;
        let line = self.line(deadline).await?;
        wait_until_read(&line.opened.live, deadline).await?;
        let id = line.waiting.next.fetch_add(1, Ordering::Relaxed);
        let (waiter, answers) = mpsc::channel(ANSWERS);
        line.waiting.calls.lock().insert(id, waiter);
        let asked = Asked {
            line: line.clone(),
            id,
            message_id: message.properties.message_id().clone(),
            answers,
            _place: place,
        };
        message.properties = message
            .properties
            .with_correlation_id(ShortString::try_new(correlation(id)).unwrap_or_default())
            .with_reply_to(REPLY_TO.into());
        let unsent = Unsent {
            line,
            message,
            deadline,
        };
        Ok((asked, unsent))
    }

    async fn line(&self, deadline: Instant) -> Result<Arc<Line>> {
        self.current.get(deadline, Line::open).await
    }
}

/// A request that is ready to be sent.
pub(super) struct Unsent {
    line: Arc<Line>,
    message: Outgoing,
    deadline: Instant,
}

impl Unsent {
    /// Sends it.
    ///
    /// # Errors
    /// As [`Calls::ask`].
    pub(super) async fn send(self) -> Result<()> {
        let Self {
            line,
            message,
            deadline,
        } = self;
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let publish = line.opened.channel.basic_publish(
            message.exchange,
            message.key,
            options,
            &message.body,
            message.properties,
        );
        tokio::select! {
            biased;
            written = timeout_at(deadline, publish) => match written {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(lost("sending a request", &error).dispatched_as(Dispatched::Maybe)),
                Err(_) => Err(match line.opened.live.blocked() {
                    Some(why) => blocked(&why),
                    None => Error::new(ErrorKind::DeadlineExceeded, "the request could not be sent before the deadline"),
                }
                .dispatched_as(Dispatched::Maybe)),
            },
            () = line.opened.live.lost() => Err(gone()),
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
