//! What arrives, and how it becomes a message again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use polywire_core::contract::{Name, Version};
use polywire_core::{Caller, Error, ErrorKind, Head, MessageId, Result, Thrown};
use serde_json::Value;

use super::Queue;
use crate::record::{Body, Delivery, NewDelivery};

/// The header in which a verified caller is kept. Nobody can send it: one that arrives is dropped.
const CALLER: &str = "polywire-caller";

/// What has arrived and is to be kept.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// `webhook-id`, by which the queue recognises a duplicate: 1 to [`MessageId::MAX`] bytes without control characters.
    pub webhook_id: String,
    /// The message's own id, by which letters name it: as long at most.
    pub message_id: String,
    /// The event or command.
    pub interaction: Name,
    /// The version that it is in.
    pub version: Version,
    /// Messages of one key are handed out one after the other.
    pub key: Option<Arc<str>>,
    /// Whatever else the [`Reader`] needs. Tokens do not belong here: this is kept.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Who sent it, as verified when it arrived; `None` has a command's sender verified when it runs.
    pub caller: Option<Caller>,
}

/// What became of something that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is kept, durably.
    New,
    /// It was kept before.
    Duplicate,
    /// Another content was kept under this `webhook-id` before: a forgery, or a mistake of the sender.
    Conflict,
    /// The queue holds as much as it may: to be sent again later.
    Full,
}

/// How a kept record becomes a message again.
pub trait Reader: Send + Sync + 'static {
    /// The head and the payload of what was [put](super::Inbox::put). Its attempt is filled in by the inbox.
    ///
    /// # Errors
    /// When it is none. The record is then dead-lettered with the reason.
    fn read(&self, delivery: &Delivery) -> Result<(Head, Bytes)>;
}

/// A message as it was read.
pub(super) struct Message {
    pub(super) head: Head,
    pub(super) body: Bytes,
    pub(super) caller: Option<Caller>,
}

impl Arrived {
    /// The record to keep.
    pub(super) fn into_record(self, queue: &Queue) -> Result<NewDelivery> {
        MessageId::parse(&self.webhook_id)?;
        MessageId::parse(&self.message_id)?;
        if self.key.as_ref().is_some_and(|key| key.contains('\0')) {
            return Err(Error::new(
                ErrorKind::InvalidPayload,
                "an ordering key with a NUL character: expected text without one",
            ));
        }
        let mut headers = self.headers;
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(CALLER));
        if let Some(caller) = self.caller {
            let claims = caller
                .claims()
                .map_or(Value::Null, |claims| Value::Object(claims.clone()));
            headers.push((CALLER.into(), claims.to_string()));
        }
        Ok(NewDelivery {
            subscription: queue.id.clone(),
            webhook_id: self.webhook_id,
            message_id: self.message_id,
            interaction: self.interaction,
            version: self.version,
            key: self.key,
            headers,
            body: Body::Whole(self.body),
            delay: Duration::ZERO,
        })
    }
}

/// Reads a record, whatever the reader does.
pub(super) fn read(reader: &dyn Reader, delivery: &mut Delivery) -> Result<Message> {
    let caller = caller(delivery)?;
    let read = catch_unwind(AssertUnwindSafe(|| reader.read(delivery)));
    let (head, body) = read.unwrap_or_else(|panic| Err(panicked(&Thrown::new(panic))))?;
    Ok(Message { head, body, caller })
}

/// Takes the verified caller out of the headers.
fn caller(delivery: &mut Delivery) -> Result<Option<Caller>> {
    let headers = &mut delivery.headers;
    let Some(at) = headers.iter().position(|(name, _)| name == CALLER) else {
        return Ok(None);
    };
    let (_, claims) = headers.swap_remove(at);
    match serde_json::from_str(&claims) {
        Ok(Value::Null) => Ok(Some(Caller::anonymous())),
        Ok(Value::Object(claims)) => Ok(Some(Caller::verified(claims))),
        // The claims are somebody's: they are not repeated.
        Ok(_) | Err(_) => Err(Error::new(
            ErrorKind::Integrity,
            "the claims of its verified caller are not a JSON object",
        )),
    }
}

fn panicked(panic: &Thrown) -> Error {
    tracing::error!(panic = panic.text(), "the reader of an inbox panicked");
    Error::new(
        ErrorKind::Internal,
        "its reader failed unexpectedly; see the log",
    )
}
