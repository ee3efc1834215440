//! Handing messages to the broker: confirmed, within a deadline, again after a loss, and never twice at its own will.

mod lane;
mod shared;
mod single;
mod unfinished;
mod window;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::ShortString;
use polywire_contract::Retry;
use polywire_core::{Dispatched, Error, ErrorKind, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

pub(crate) use lane::{Lane, Opened};
pub(crate) use shared::{Shared, Usable};
pub(crate) use single::Singles;
pub(crate) use unfinished::Unfinished;
pub(crate) use window::Window;

use crate::connection::Live;
use crate::error::plain;

/// A message on its way to the broker. Sending it again is sending the same.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) exchange: ShortString,
    pub(crate) key: ShortString,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Bytes,
}

/// What makes a message, for each attempt.
pub(crate) type Make<'a> = &'a (dyn Fn() -> Result<Outgoing> + Send + Sync);

/// What became of one attempt.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// The broker has it.
    Taken,
    /// No queue would get it.
    NoRoute,
    /// A queue is full, or the broker could not store it.
    Refused,
    /// The exchange is not there.
    NoExchange,
    /// Nobody knows: the channel or the connection failed.
    Lost(Error),
    /// It can never be taken.
    Never(Error),
}

/// The first pause before a refused message is offered again; it doubles up to [`LONGEST_PAUSE`].
pub(crate) const PAUSE: Duration = Duration::from_millis(10);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Why an attempt failed, from the library's error.
pub(crate) fn failed(error: &lapin::Error) -> Attempt {
    use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
    let lost = || {
        Attempt::Lost(Error::new(
            ErrorKind::Unavailable,
            format!("the broker did not confirm: {}", plain(error)),
        ))
    };
    let lapin::ErrorKind::ProtocolError(protocol) = error.kind() else {
        return lost();
    };
    match protocol.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Attempt::NoExchange,
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => Attempt::Never(Error::new(
            ErrorKind::TooLarge,
            format!("the broker does not take it: {}", plain(error)),
        )),
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Attempt::Never(
            Error::new(
                ErrorKind::PermissionDenied,
                format!("the broker does not take it: {}", plain(error)),
            )
            .dispatched_as(Dispatched::No),
        ),
        _ => lost(),
    }
}

/// One of the places for publishes that wait for their confirms.
///
/// # Errors
/// `Overloaded` when there is none until the deadline.
async fn place(places: &Arc<Semaphore>, deadline: Instant) -> Result<OwnedSemaphorePermit> {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Ok(place);
    }
    match timeout_at(deadline, places.clone().acquire_owned()).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(Error::new(
            ErrorKind::Overloaded,
            "as many publishes wait for the broker's confirm as may: retry later",
        )),
    }
}

/// Lets others who publish get ready first, so that the library's thread is woken once for all and not for each of them.
pub(crate) async fn together() {
    tokio::task::yield_now().await;
}

/// Waits while the broker does not read, until a deadline.
///
/// # Errors
/// `Overloaded` with the broker's reason.
pub(crate) async fn wait_until_read(live: &Live, deadline: Instant) -> Result<()> {
    let Some(why) = live.blocked() else {
        return Ok(());
    };
    let waited = timeout_at(deadline, async {
        tokio::select! {
            () = live.unblocked() => {}
            () = live.lost() => {}
        }
    })
    .await;
    waited.map_err(|_| blocked(&why).dispatched_as(Dispatched::No))
}

/// Why a step with the broker took until the deadline: it reads nothing, or it does not answer.
pub(crate) fn unanswered(live: &Live, what: &'static str) -> Error {
    let error = match live.blocked() {
        Some(why) => blocked(&why),
        None => Error::new(ErrorKind::Unavailable, what).retry_as(Retry::Later),
    };
    error.dispatched_as(Dispatched::No)
}

pub(crate) fn blocked(why: &str) -> Error {
    Error::new(
        ErrorKind::Overloaded,
        format!("the broker takes nothing for now: {why}: retry later"),
    )
    .retry_as(Retry::Later)
}

/// Once an attempt was lost the message may have been taken, whatever the later ones say.
pub(crate) fn mark(error: Error, sent: bool) -> Error {
    if sent {
        error.dispatched_as(Dispatched::Maybe)
    } else {
        error.dispatched_as(Dispatched::No)
    }
}

/// Whether any queue got the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    NoRoute,
}
