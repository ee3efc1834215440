//! Delivering again.

use jiff::Timestamp;
use polywire_core::{Error, ErrorKind, Result};

use super::{Operator, Wanted};
use crate::record::{DeliveryId, DeliveryState, State, Subscription, SubscriptionId};
use crate::store::{Replay, Which};

/// What is to be delivered again.
#[derive(Clone, Debug)]
pub struct Again {
    /// Which.
    pub which: Chosen,
    /// Counts it, and changes nothing.
    pub dry: bool,
}

/// Which deliveries.
#[derive(Clone, Debug)]
pub enum Chosen {
    /// One, dead, parked or accepted.
    One(DeliveryId),
    /// Those of one subscription or, without one, of all that `of` says.
    Many {
        /// Of one.
        subscription: Option<SubscriptionId>,
        /// Of which subscriptions.
        of: Wanted,
        /// Dead and parked ones alone; else accepted ones too.
        dead: bool,
        /// Enqueued at this time or later.
        since: Option<Timestamp>,
        /// Enqueued before this time.
        until: Option<Timestamp>,
    },
}

/// What is delivered again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requeued {
    /// How many deliveries.
    pub count: usize,
    /// Subscriptions that had been chosen with others, and to which nothing is delivered any more.
    pub skipped: Vec<SubscriptionId>,
}

impl Operator {
    /// Queues finished deliveries again, with their `webhook-id` and body and a fresh count of attempts.
    ///
    /// # Behavior
    /// In steps of a thousand; what was queued when a later step fails stays queued. One whose body was swept is passed over.
    ///
    /// # Errors
    /// `Unroutable` when there is no such delivery or subscription; `InvalidPayload` for one that is still to be attempted or
    /// has no body any more, and for a subscription to which nothing is delivered; those of the store.
    pub async fn replay(&self, again: &Again) -> Result<Requeued> {
        let (subscription, of, dead, since, until) = match &again.which {
            Chosen::One(id) => return self.one(*id, again.dry).await,
            Chosen::Many {
                subscription,
                of,
                dead,
                since,
                until,
            } => (subscription, of, *dead, *since, *until),
        };
        let mut requeued = Requeued::default();
        let of = match subscription {
            Some(id) => {
                let one = self.subscription(id).await?;
                delivers(&one)?;
                vec![one]
            }
            None => self.subscriptions(of).await?,
        };
        for one in of {
            if delivers(&one).is_err() {
                requeued.skipped.push(one.id);
                continue;
            }
            let which = Which::Since {
                subscription: one.id,
                at: since.unwrap_or(Timestamp::MIN),
            };
            let replay = Replay::new(which);
            let replay = Replay {
                states: if dead { replay.states.clone() } else { all() },
                before: until,
                dry: again.dry,
                ..replay
            };
            requeued.count += self.steps(replay).await?;
        }
        Ok(requeued)
    }

    async fn steps(&self, mut replay: Replay) -> Result<usize> {
        let mut count = 0;
        loop {
            let replayed = self.store.replay(&replay).await?;
            count += replayed.count;
            replay.after = replayed.next;
            if replay.after.is_none() {
                return Ok(count);
            }
        }
    }

    async fn one(&self, id: DeliveryId, dry: bool) -> Result<Requeued> {
        let delivery = self.delivery(id).await?.delivery;
        let refused = |why: &str| {
            let text = format!("delivery {id} cannot be delivered again: {why}");
            Err(Error::new(ErrorKind::InvalidPayload, text))
        };
        if !delivery.state.is_finished() {
            return refused("it is still to be attempted");
        }
        if delivery.body.is_none() {
            return refused("its body was swept");
        }
        delivers(&self.subscription(&delivery.subscription).await?)?;
        let replay = Replay {
            states: all(),
            dry,
            ..Replay::new(Which::One(id))
        };
        Ok(Requeued {
            count: self.steps(replay).await?,
            skipped: Vec::new(),
        })
    }
}

fn all() -> Vec<DeliveryState> {
    let states = DeliveryState::ALL.into_iter();
    states.filter(|state| state.is_finished()).collect()
}

/// Whether something is, or will be, delivered to a subscription.
fn delivers(of: &Subscription) -> Result<()> {
    let state = of.terms.state;
    if state.is_over() || state == State::Pending {
        return Err(Error::new(
            ErrorKind::InvalidPayload,
            format!(
                "subscription {} is {state}: nothing is delivered to it",
                of.id
            ),
        ));
    }
    Ok(())
}
