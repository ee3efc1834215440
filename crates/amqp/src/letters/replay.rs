//! Letters that go back to where they came from.

use lapin::message::BasicGetMessage;
use lapin::types::ShortString;
use polywire_core::{Error, ErrorKind, Result};
use tokio::time::Instant;

use super::Shelves;
use super::read::origin;
use crate::publish::{Outgoing, Taken};
use crate::topology::short;
use crate::wire::{carried, names};

/// What was noted of a message when it was set aside, and before: a replayed one starts afresh.
const FATE: [&str; 8] = [
    names::ATTEMPT,
    names::RETURNS,
    names::SKIPS,
    names::REASON,
    names::GROUP,
    names::ORIGIN,
    names::FIRST_FAILURE,
    names::LAST_FAILURE,
];

impl Shelves {
    pub(super) async fn replay_one(&self, message: BasicGetMessage) -> Result<()> {
        let delivery = message.delivery;
        let origin = origin(&delivery.properties).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidPayload,
                "the letter does not say which queue it came from: it can only be discarded",
            )
        })?;
        let (properties, headers) = carried(&delivery.properties, |key| !FATE.contains(&key));
        let outgoing = Outgoing {
            exchange: ShortString::default(),
            key: short(origin.clone())?,
            properties: properties.with_headers(headers.finish()?),
            body: delivery.data.into(),
        };
        let deadline = Instant::now() + self.broker.config.publish_timeout;
        match self
            .broker
            .put(&|| Ok(outgoing.clone()), deadline, "", &|| Ok(Vec::new()))
            .await?
        {
            Taken::Yes => Ok(()),
            Taken::NoRoute => Err(Error::new(
                ErrorKind::Unroutable,
                format!("queue {origin:?} is gone: its letters can only be discarded"),
            )),
        }
    }
}
