//! Dead and parked messages of all queues, for an operator.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use polywire_core::{Error, ErrorKind, Head, Kind, Letter, Letters, MessageId, Result, Shelf};

use super::Queue;
use super::arrived;
use super::queue::TENANT;
use super::shared::{Phase, Shared};
use crate::record::{Delivery, DeliveryState, Subscription};
use crate::store::{MAX_BATCH, Page, Replay, Subscriptions, Which};

/// The shelves of an inbox.
pub(super) struct Shelves(pub(super) Arc<Shared>);

impl Shelves {
    /// Every queue of the store, whether it is open here or not.
    async fn queues(&self) -> Result<Vec<(Queue, Subscription)>> {
        let mut ask = Subscriptions {
            tenant: Some(TENANT.into()),
            ..Subscriptions::default()
        };
        let mut queues = Vec::new();
        loop {
            let page = self.0.store.subscriptions(&ask).await?;
            let next = page.last().map(|record| record.id.clone());
            let full = page.len() == MAX_BATCH;
            queues.extend(
                page.into_iter()
                    .filter_map(|record| Some((Queue::of(&record)?, record))),
            );
            if !full {
                return Ok(queues);
            }
            ask.after = next;
        }
    }

    /// The letters of a queue in the order in which they arrived, until there are enough of them.
    async fn of(
        &self,
        (queue, record): &(Queue, Subscription),
        shelf: Shelf,
        mut enough: impl FnMut(Delivery, Letter) -> bool,
    ) -> Result<()> {
        let mut page = Page {
            subscription: queue.id.clone(),
            state: Some(state(shelf)),
            after: 0,
            limit: Page::MAX,
        };
        loop {
            let found = self.0.store.deliveries(&page).await?;
            let Some(last) = found.last() else {
                return Ok(());
            };
            page.after = last.sequence;
            for delivery in found {
                let letter = self.letter(queue, record, delivery.clone())?;
                if enough(delivery, letter) {
                    return Ok(());
                }
            }
        }
    }

    fn letter(
        &self,
        queue: &Queue,
        record: &Subscription,
        mut delivery: Delivery,
    ) -> Result<Letter> {
        let (mut head, body) = match arrived::read(&*self.0.reader, &mut delivery) {
            Ok(message) => (message.head, message.body),
            // It is here because it cannot be read: what is known of it is shown.
            Err(_) => {
                let contract = record.terms.contract().clone();
                let id = MessageId::parse(&delivery.message_id)?;
                let head = Head::with_id(id, Kind::Event, contract, delivery.interaction);
                (head, delivery.body.unwrap_or_default())
            }
        };
        // One that was parked at its first attempt had that one.
        head.attempt = delivery.attempts.max(1);
        let at = delivery.finished_at.unwrap_or(delivery.created_at);
        Ok(Letter {
            head,
            body,
            group: queue.group().to_string(),
            reason: delivery.reason.unwrap_or_default(),
            at: SystemTime::from(at),
        })
    }

    async fn find(
        &self,
        shelf: Shelf,
        group: &str,
        id: &MessageId,
    ) -> Result<Option<(Queue, Delivery)>> {
        self.0.refuse_from(Phase::Closed)?;
        for queue in self.queues().await? {
            if queue.0.group().as_str() != group {
                continue;
            }
            let mut found = None;
            let is_it = |delivery, letter: Letter| {
                let is_it = letter.head.id == *id;
                if is_it {
                    found = Some(delivery);
                }
                is_it
            };
            self.of(&queue, shelf, is_it).await?;
            if let Some(delivery) = found {
                return Ok(Some((queue.0, delivery)));
            }
        }
        Ok(None)
    }

    /// What is known of the queue has changed.
    fn changed(&self, queue: &Queue, delivery: &Delivery) {
        let mut state = self.0.state.lock();
        state.forget_returns(delivery.id);
        if let Some(line) = state.lines.get_mut(&queue.id) {
            line.kept.recount();
        }
    }
}

#[async_trait]
impl Letters for Shelves {
    async fn list(&self, shelf: Shelf, limit: usize) -> Result<Vec<Letter>> {
        self.0.refuse_from(Phase::Closed)?;
        let mut letters = Vec::new();
        if limit == 0 {
            return Ok(letters);
        }
        for queue in self.queues().await? {
            let mut of_queue = 0;
            let enough = |_, letter| {
                letters.push(letter);
                of_queue += 1;
                of_queue == limit
            };
            self.of(&queue, shelf, enough).await?;
        }
        letters.sort_by_key(|letter| letter.at);
        letters.truncate(limit);
        Ok(letters)
    }

    async fn replay(&self, shelf: Shelf, group: &str, id: &MessageId) -> Result<bool> {
        let Some((queue, delivery)) = self.find(shelf, group, id).await? else {
            return Ok(false);
        };
        let (bounds, size) = (
            &self.0.bounds,
            delivery.body.as_ref().map_or(0, bytes::Bytes::len),
        );
        let backlog = self.0.store.backlog(&queue.id).await?;
        if backlog.deliveries >= bounds.max_messages
            || backlog.bytes.saturating_add(size) > bounds.max_bytes
        {
            return Err(Error::new(
                ErrorKind::Overloaded,
                format!("queue {} is full: replay later", queue.name()),
            ));
        }
        let replay = Replay {
            states: vec![state(shelf)],
            ..Replay::new(Which::One(delivery.id))
        };
        let replayed = self.0.store.replay(&replay).await?;
        self.changed(&queue, &delivery);
        Ok(replayed.count == 1)
    }

    async fn discard(&self, shelf: Shelf, group: &str, id: &MessageId) -> Result<bool> {
        let Some((queue, delivery)) = self.find(shelf, group, id).await? else {
            return Ok(false);
        };
        let discarded = self.0.store.discard(delivery.id).await?;
        self.changed(&queue, &delivery);
        Ok(discarded)
    }
}

fn state(shelf: Shelf) -> DeliveryState {
    match shelf {
        Shelf::Dead => DeliveryState::Dead,
        Shelf::Parked => DeliveryState::Parked,
    }
}
