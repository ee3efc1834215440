//! Publishing.

mod book;
mod recent;
mod render;
mod snapshot;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use polywire_core::contract::Track;
use polywire_core::{Message, Receipt, Result};
use sqlx::{Postgres, Transaction};
use tokio::time::sleep;

pub(super) use book::Book;
use render::Rendering;

use super::Inner;
use crate::record::NewDelivery;
use crate::store::{Enqueued, PostgresStore};

/// How much longer than one reading of all subscriptions took the next one waits.
const REST: u32 = 10;

/// Publishes to those who have subscribed. Cloning shares it.
#[derive(Clone)]
pub struct Publisher(Arc<Inner>);

impl Publisher {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self(inner)
    }

    /// Renders an event for every subscription of it that is on the track of its stamp, and resolves when all of these
    /// deliveries are durable.
    ///
    /// # Behavior
    /// An event that is offered on several tracks comes once for each (`Head::copies`); a subscription gets the one of the track
    /// that it was on when the first of them came, whatever happens to it between them. Publishing again under the same message
    /// id is safe: what is kept already is recognised and not kept twice, and stays as it was at first.
    ///
    /// # Errors
    /// `InvalidPayload` for a message without a stamp, `TooLarge` for one beyond the bounds of a delivery, those of the store.
    /// Then some subscriptions may have it and others not: publish it again.
    ///
    /// # Cancel safety
    /// As for an error.
    pub async fn publish(&self, message: Message) -> Result<Receipt> {
        self.render(message, None).await
    }

    /// As [`publish`](Self::publish), to the subscriptions of one tenant.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub(crate) async fn publish_to(&self, tenant: &str, message: Message) -> Result<Receipt> {
        self.render(message, Some(tenant)).await
    }

    async fn render(&self, message: Message, tenant: Option<&str>) -> Result<Receipt> {
        let rendering = Rendering::of(&message, self.0.now())?;
        let rendering = Arc::new(match tenant {
            Some(tenant) => rendering.of_tenant(tenant),
            None => rendering,
        });
        let book = &self.0.book;
        // First remembered, then sent to those who are there: who comes in between gets it by the one or by the other.
        book.remember(rendering.clone());
        let most = rendering.batch();
        let mut batch = Vec::new();
        for delivery in self.deliveries(&message, &rendering) {
            batch.push(delivery);
            if batch.len() == most {
                let full = std::mem::take(&mut batch);
                note(&self.0.store.enqueue(full).await?, &message);
            }
        }
        if !batch.is_empty() {
            note(&self.0.store.enqueue(batch).await?, &message);
        }
        Ok(receipt(&message))
    }

    /// As [`publish`](Self::publish), within the caller's own transaction on the database of the store: what is published is
    /// kept if and only if it commits.
    ///
    /// # Behavior
    /// Others that publish to the same subscriptions wait until the transaction ends, so let it be short. It is not remembered
    /// for subscriptions that ask for earlier events, as it may never have happened.
    ///
    /// # Errors
    /// As [`publish`](Self::publish) and [`PostgresStore::enqueue_in`]. The transaction is then to be rolled back.
    pub async fn publish_in(
        &self,
        store: &PostgresStore,
        transaction: &mut Transaction<'_, Postgres>,
        message: Message,
    ) -> Result<Receipt> {
        let rendering = Rendering::of(&message, self.0.now())?;
        let deliveries: Vec<_> = self.deliveries(&message, &rendering).collect();
        for batch in deliveries.chunks(rendering.batch()) {
            note(&store.enqueue_in(transaction, batch).await?, &message);
        }
        Ok(receipt(&message))
    }

    /// In the order of the subscriptions' ids, as all who enqueue for many do.
    fn deliveries<'a>(
        &self,
        message: &Message,
        rendering: &'a Rendering,
    ) -> impl Iterator<Item = NewDelivery> + use<'a> {
        let subscriptions = self.0.book.of(&message.head);
        subscriptions
            .into_iter()
            .filter_map(|subscription| rendering.delivery(&subscription))
    }
}

fn receipt(message: &Message) -> Receipt {
    Receipt::new(message.head.id.clone(), message.head.stamp.clone())
}

/// Another content under the same id is what was rendered at another time, or a mistake of the application.
fn note(enqueued: &[Enqueued], message: &Message) {
    let conflicts = enqueued
        .iter()
        .filter(|one| matches!(one, Enqueued::Conflict { .. }));
    let conflicts = conflicts.count();
    if conflicts > 0 {
        tracing::debug!(id = %message.head.id, conflicts, "published again: what was kept at first stays");
    }
}

/// The track of a message, which its stamp says.
fn track(message: &Message) -> Option<Track> {
    message
        .head
        .stamp
        .as_ref()
        .map(|stamp| Track::of(&stamp.version))
}

/// Looks for changes that other processes have made.
pub(super) async fn keep_up(inner: Arc<Inner>) {
    loop {
        let begun = std::time::Instant::now();
        if let Err(error) = inner.book.refresh(&*inner.store).await {
            tracing::warn!(%error, "webhook subscriptions could not be read again: those known are used");
        }
        let rest = inner.options.poll.max(begun.elapsed() * REST);
        sleep(rest.min(Duration::from_secs(60)).max(inner.options.poll)).await;
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}
