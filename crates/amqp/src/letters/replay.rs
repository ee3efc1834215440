//! Letters that go back to where they came from.

use lapin::message::BasicGetMessage;
use lapin::types::{FieldTable, ShortString};
use polywire_core::{Error, ErrorKind, Result};
use tokio::time::Instant;

use super::Shelves;
use super::read::origin;
use crate::publish::{Outgoing, Taken};
use crate::topology::short;
use crate::wire::{Headers, names};

impl Shelves {
    pub(super) async fn replay_one(&self, message: BasicGetMessage) -> Result<()> {
        let delivery = message.delivery;
        let table = delivery.properties.headers().clone().unwrap_or_default();
        let origin = origin(&table).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidPayload,
                "the letter does not say which queue it came from: it can only be discarded",
            )
        })?;
        let mut fresh = FieldTable::default();
        for (key, value) in table.inner() {
            let key_text = key.as_str();
            let ours = [
                names::ATTEMPT,
                names::RETURNS,
                names::SKIPS,
                names::REASON,
                names::GROUP,
                names::ORIGIN,
                names::FIRST_FAILURE,
                names::LAST_FAILURE,
            ];
            if !ours.contains(&key_text) && !key_text.starts_with("x-") {
                fresh.insert(key.clone(), value.clone());
            }
        }
        let outgoing = Outgoing {
            exchange: ShortString::default(),
            key: short(origin.clone())?,
            properties: delivery
                .properties
                .with_headers(Headers::from_table(fresh).finish()?),
            body: delivery.data.into(),
        };
        let deadline = Instant::now() + self.broker.config.publish_timeout;
        match self
            .broker
            .put(outgoing, deadline, "", &|| Ok(Vec::new()))
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
