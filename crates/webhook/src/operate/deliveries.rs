//! What is kept for subscriptions, and what came of it.

use jiff::Timestamp;
use polywire_core::{Error, ErrorKind, Result};

use super::{Operator, Wanted};
use crate::record::{Attempt, Delivery, DeliveryId, DeliveryState, SubscriptionId};
use crate::store::Page;

/// How many deliveries are read at once: each has its body.
const AT_ONCE: usize = 50;

/// Which deliveries are wanted.
#[derive(Clone, Debug)]
pub struct Letters {
    /// Of one subscription; without it, of all that `of` says.
    pub subscription: Option<SubscriptionId>,
    /// Of which subscriptions.
    pub of: Wanted,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// Enqueued at this time or later.
    pub since: Option<Timestamp>,
    /// How many at most.
    pub limit: usize,
}

/// A delivery, and what came of its attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The delivery.
    pub delivery: Delivery,
    /// Its attempts, the oldest first.
    pub attempts: Vec<Attempt>,
}

impl Operator {
    /// Deliveries, of each subscription in their order. Their bodies are not read.
    ///
    /// # Errors
    /// `Unroutable` when there is no such subscription, those of the store.
    pub async fn deliveries(&self, wanted: &Letters) -> Result<Vec<Delivery>> {
        let of = match &wanted.subscription {
            Some(id) => vec![self.subscription(id).await?],
            None => self.subscriptions(&wanted.of).await?,
        };
        let mut found = Vec::new();
        for subscription in of {
            self.of_one(&subscription.id, wanted, &mut found).await?;
            if found.len() >= wanted.limit {
                break;
            }
        }
        Ok(found)
    }

    async fn of_one(
        &self,
        id: &SubscriptionId,
        wanted: &Letters,
        found: &mut Vec<Delivery>,
    ) -> Result<()> {
        let mut page = Page {
            subscription: id.clone(),
            state: wanted.state,
            after: match wanted.since {
                Some(since) => self.before(id, since).await?,
                None => 0,
            },
            limit: AT_ONCE,
        };
        loop {
            let read = self.store.deliveries(&page).await?;
            let more = read.len() == page.limit;
            for mut delivery in read {
                page.after = delivery.sequence;
                // Clocks of several processes may differ by a little.
                if wanted
                    .since
                    .is_none_or(|since| delivery.created_at >= since)
                {
                    delivery.body = None;
                    found.push(delivery);
                }
                if found.len() >= wanted.limit {
                    return Ok(());
                }
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// The last sequence number of those enqueued before a time: they were given in the order of time, so that halving finds it.
    async fn before(&self, id: &SubscriptionId, since: Timestamp) -> Result<u64> {
        let (mut low, mut high) = (0, self.store.last_sequence(id).await?.unwrap_or(0));
        while low < high {
            let middle = low + (high - low) / 2;
            let page = Page {
                subscription: id.clone(),
                state: None,
                after: middle,
                limit: 1,
            };
            match self.store.deliveries(&page).await?.first() {
                Some(next) if next.created_at < since => low = next.sequence.max(middle + 1),
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// A delivery with its body and its attempts.
    ///
    /// # Errors
    /// `Unroutable` when there is none of this number, those of the store.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Seen> {
        let found = self.store.delivery(id).await?;
        let delivery = found.ok_or_else(|| {
            Error::new(
                ErrorKind::Unroutable,
                format!("there is no delivery {id}: it may have been swept"),
            )
        })?;
        let attempts = self.store.attempts(id).await?;
        Ok(Seen { delivery, attempts })
    }
}
