//! The shelves of a channel: its groups' and its commands' dead and parked messages.

mod owner;
mod read;
mod replay;

use std::sync::Arc;

use async_trait::async_trait;
use lapin::Channel;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::types::ShortString;
use parking_lot::Mutex;
use polywire_contract::Name;
use polywire_core::{Error, ErrorKind, Letter, Letters, MessageId, Result, Shelf};
use tokio::time::Instant;

pub use owner::ShelfOwner;
pub(crate) use owner::group_name;

use crate::broker::Broker;
use crate::connection::Live;
use crate::consume::Origin;
use crate::topology::close;
use read::letter;

/// How many letters of a shelf are looked through for one.
const MAX_LOOK: usize = 100_000;
/// How many shelves a channel knows.
const MAX_SHELVES: usize = 10_000;

/// A pair of shelves and whose they are.
#[derive(Clone, Debug)]
struct Place {
    contract: Name,
    /// `None` for commands.
    event: Option<Name>,
    /// The group, as letters name it; `None` where each letter says.
    group: Option<String>,
    dead: ShortString,
    parked: ShortString,
}

impl Place {
    const fn queue(&self, shelf: Shelf) -> &ShortString {
        match shelf {
            Shelf::Dead => &self.dead,
            Shelf::Parked => &self.parked,
        }
    }
}

pub(crate) struct Shelves {
    broker: Arc<Broker>,
    places: Mutex<Vec<Place>>,
    /// One look at a time: what one holds, another would not see.
    looking: tokio::sync::Mutex<()>,
}

impl Shelves {
    pub(crate) fn new(broker: Arc<Broker>) -> Self {
        Self {
            broker,
            places: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn know_group(&self, contract: Name, event: Name, origin: Origin) {
        self.know(Place {
            contract,
            event: Some(event),
            group: Some(origin.group),
            dead: origin.dead,
            parked: origin.parked,
        });
    }

    pub(crate) fn know_service(&self, contract: Name) -> Result<()> {
        let names = &self.broker.plans.names;
        let (dead, parked) = (
            names.command_shelf(&contract, Shelf::Dead)?,
            names.command_shelf(&contract, Shelf::Parked)?,
        );
        self.know(Place {
            contract,
            event: None,
            group: None,
            dead,
            parked,
        });
        Ok(())
    }

    fn know(&self, place: Place) {
        let mut places = self.places.lock();
        if places.len() < MAX_SHELVES && !places.iter().any(|known| known.dead == place.dead) {
            places.push(place);
        }
    }

    fn places(&self) -> Vec<Place> {
        self.places.lock().clone()
    }

    async fn live(&self) -> Result<Arc<Live>> {
        let deadline = Instant::now() + self.broker.config.connect_timeout;
        self.broker.consuming.live_until(deadline).await
    }

    fn letter(&self, place: &Place, message: &BasicGetMessage) -> Letter {
        let max_returns = self.broker.config.bounds.max_returns;
        let delivery = &message.delivery;
        letter(place, max_returns, &delivery.properties, &delivery.data)
    }

    /// Looks for a letter; what is found is held on the channel until that is closed.
    async fn find(
        &self,
        live: &Live,
        channel: &Channel,
        place: &Place,
        shelf: Shelf,
        group: &str,
        id: &MessageId,
    ) -> Result<Option<BasicGetMessage>> {
        for _ in 0..MAX_LOOK {
            let Some(message) = take(live, channel, place.queue(shelf)).await? else {
                return Ok(None);
            };
            let letter = self.letter(place, &message);
            if letter.group == group && letter.head.id == *id {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    async fn act(&self, shelf: Shelf, group: &str, id: &MessageId, replay: bool) -> Result<bool> {
        let _one = self.looking.lock().await;
        let live = self.live().await?;
        for place in self.places() {
            if place.group.as_deref().is_some_and(|known| known != group) {
                continue;
            }
            let channel = live.channel().await?;
            let found = match self.find(&live, &channel, &place, shelf, group, id).await {
                Ok(found) => found,
                Err(error) if is_missing(&error) => continue,
                Err(error) => return Err(error),
            };
            if let Some(message) = found {
                let tag = message.delivery.delivery_tag;
                if replay {
                    self.replay_one(message).await?;
                }
                let options = BasicAckOptions { multiple: false };
                live.step(
                    "taking a letter off its shelf",
                    channel.basic_ack(tag, options),
                )
                .await?;
                close(&live, &channel).await;
                return Ok(true);
            }
            // What was looked at goes back.
            close(&live, &channel).await;
        }
        Ok(false)
    }
}

async fn take(
    live: &Live,
    channel: &Channel,
    queue: &ShortString,
) -> Result<Option<BasicGetMessage>> {
    let get = channel.basic_get(queue.clone(), BasicGetOptions { no_ack: false });
    match live.raw_step("reading a shelf", get).await? {
        Ok(message) => Ok(message),
        Err(error) => {
            Err(missing(&error).unwrap_or_else(|| crate::error::lost("reading a shelf", &error)))
        }
    }
}

/// The shelf is not there, so nothing stands on it.
fn missing(error: &lapin::Error) -> Option<Error> {
    crate::error::is_missing(error)
        .then(|| Error::new(ErrorKind::Unroutable, "there is no such shelf"))
}

fn is_missing(error: &Error) -> bool {
    error.kind() == ErrorKind::Unroutable
}

#[async_trait]
impl Letters for Shelves {
    async fn list(&self, shelf: Shelf, limit: usize) -> Result<Vec<Letter>> {
        let _one = self.looking.lock().await;
        let live = self.live().await?;
        let mut letters = Vec::new();
        for place in self.places() {
            let channel = live.channel().await?;
            while letters.len() < limit {
                match take(&live, &channel, place.queue(shelf)).await {
                    Ok(Some(message)) => {
                        letters.push(self.letter(&place, &message));
                    }
                    Ok(None) => break,
                    Err(error) if is_missing(&error) => break,
                    Err(error) => return Err(error),
                }
            }
            // What was looked at goes back.
            close(&live, &channel).await;
        }
        letters.sort_by_key(|letter| letter.at);
        Ok(letters)
    }

    async fn replay(&self, shelf: Shelf, group: &str, id: &MessageId) -> Result<bool> {
        self.act(shelf, group, id, true).await
    }

    async fn discard(&self, shelf: Shelf, group: &str, id: &MessageId) -> Result<bool> {
        self.act(shelf, group, id, false).await
    }
}
