//! Requests and their replies on one channel, by direct reply-to.
//!
//! The channel does not confirm: a call that is lost is noticed by its deadline or by the loss of the connection. A
//! request that no queue would take comes back, and is told from others by its correlation id.

mod line;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use polywire_contract::Retry;
use polywire_core::{Dispatched, Error, ErrorKind, Result};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};

use crate::connection::Link;
use crate::error::lost;
use crate::publish::{Outgoing, Shared, blocked, together, wait_until_read};
use line::{Line, REPLY_TO, correlation};

/// How long telling that a call is given up may take.
const NOTICE: Duration = Duration::from_millis(100);
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
        self.line.waiting.leave(self.id);
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
            if let Ok(Err(error)) = tokio::time::timeout(NOTICE, publish).await {
                tracing::debug!(%error, "a provider was not told that a call is given up");
            }
        }
    }

    /// The next answer.
    ///
    /// # Errors
    /// `DeadlineExceeded`, or `Unavailable` when the connection is lost: the handler may have run.
    pub(crate) async fn answer(&mut self, deadline: Instant) -> Result<Answer> {
        // Who hands answers out ends when the connection does.
        match timeout_at(deadline, self.answers.recv()).await {
            Ok(answer) => answer.ok_or_else(gone),
            Err(_) => Err(Error::new(
                ErrorKind::DeadlineExceeded,
                "no answer before the deadline; the handler may have run",
            )),
        }
    }
}

fn gone() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the connection to the broker was lost while the call was under way; the handler may have run",
    )
    .retry_as(Retry::Later)
    .dispatched_as(Dispatched::Maybe)
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
        let (waiter, answers) = mpsc::channel(ANSWERS);
        let id = line.waiting.enter(waiter);
        let id = id.ok_or_else(|| {
            Error::new(
                ErrorKind::Unavailable,
                "the connection to the broker was lost before the call was sent",
            )
            .retry_as(Retry::Later)
            .dispatched_as(Dispatched::No)
        })?;
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
        if line.waiting.has_several() {
            together().await;
        }
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
