//! What was rendered for a subscription: fetched, acknowledged, delivered again.

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Server;
use super::ping::ping;
use super::read::limit;
use super::reply::{Answered, Refusal, json};
use super::route::Asked;
use crate::record::{Delivery, DeliveryState, State, Subscription, SubscriptionId};
use crate::store::{Enqueued, MAX_BATCH, Page, Replay, Which};
use crate::wire::{
    Acknowledge, Acknowledged, DeliveriesDocument, DeliveryDocument, ReplayAsk, ReplayedDocument,
    TestedDocument,
};

/// How many deliveries one request replays at most.
const REPLAY: usize = 10_000;
/// How many bytes of bodies one page has, but for its first one.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

impl Server {
    pub(super) async fn deliveries(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let own = self.own(asked, id).await?;
        let mut page = Page {
            subscription: id.clone(),
            state: None,
            after: 0,
            limit: Page::MAX,
        };
        for (name, value) in asked.query(&["after", "limit", "state"])? {
            match name.as_str() {
                "after" => {
                    page.after = value
                        .parse()
                        .map_err(|_| Refusal::malformed("after: expected a sequence number"))?;
                }
                "limit" => page.limit = limit(&value, Page::MAX)?,
                _ => page.state = Some(state(&value)?),
            }
        }
        let found = self.inner().store.deliveries(&page).await?;
        let mut more = found.len() == page.limit;
        let (mut deliveries, mut bytes) = (Vec::with_capacity(found.len()), 0);
        for delivery in found {
            bytes += delivery.body.as_ref().map_or(0, Bytes::len);
            if bytes > PAGE_BYTES && !deliveries.is_empty() {
                more = true;
                break;
            }
            deliveries.push(document(delivery));
        }
        self.about(
            &own,
            StatusCode::OK,
            &DeliveriesDocument { deliveries, more },
        )
    }

    pub(super) async fn acknowledge(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let ask: Acknowledge = asked.document()?;
        if ask.sequences.len() > MAX_BATCH {
            return Err(Refusal::unprocessable(
                "out-of-bounds",
                format!(
                    "{} sequence numbers: expected at most {MAX_BATCH}",
                    ask.sequences.len()
                ),
            ));
        }
        let own = self.own(asked, id).await?;
        let done = self.inner().store.acknowledge(id, &ask.sequences).await?;
        let acknowledged = ask.sequences.into_iter().zip(done);
        let acknowledged = acknowledged.filter_map(|(sequence, done)| done.then_some(sequence));
        let document = Acknowledged {
            acknowledged: acknowledged.collect(),
        };
        self.about(&own, StatusCode::OK, &document)
    }

    pub(super) async fn replay(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let ask: ReplayAsk = asked.document()?;
        let own = self.own(asked, id).await?;
        if own.terms.state.is_over() || own.terms.state == State::Pending {
            return Err(Refusal::conflict(
                "wrong-state",
                format!(
                    "the subscription is {}: nothing is delivered to it",
                    own.terms.state
                ),
            ));
        }
        let subscription = id.clone();
        let which = match ask {
            ReplayAsk {
                from: Some(from),
                to: Some(to),
                since: None,
                delivery: None,
            } if from <= to => Which::Range {
                subscription,
                from,
                to,
            },
            ReplayAsk {
                from: None,
                to: None,
                since: Some(at),
                delivery: None,
            } => Which::Since { subscription, at },
            ReplayAsk {
                from: None,
                to: None,
                since: None,
                delivery: Some(one),
            } => Which::Range {
                subscription,
                from: one,
                to: one,
            },
            _ => {
                return Err(Refusal::malformed(
                    "expected \"from\" and \"to\", the first not after the last; or \"since\"; or \"delivery\", a sequence number",
                ));
            }
        };
        let mut replay = Replay {
            states: vec![
                DeliveryState::Done,
                DeliveryState::Dead,
                DeliveryState::Parked,
            ],
            ..Replay::new(which)
        };
        let mut count = 0;
        while count < REPLAY {
            let replayed = self.inner().store.replay(&replay).await?;
            count += replayed.count;
            replay.after = replayed.next;
            if replay.after.is_none() {
                break;
            }
        }
        self.about(&own, StatusCode::OK, &ReplayedDocument { count })
    }

    pub(super) async fn test(&self, asked: &Asked, id: &SubscriptionId) -> Answered {
        let own = self.own(asked, id).await?;
        if own.terms.state != State::Active {
            return Err(Refusal::conflict(
                "wrong-state",
                format!(
                    "the subscription is {}: only one that is active is tested",
                    own.terms.state
                ),
            ));
        }
        let ping = ping(&own, self.inner().now())?;
        let webhook_id = ping.webhook_id.clone();
        match self.inner().store.enqueue(vec![ping]).await?.first() {
            Some(Enqueued::New { sequence, .. }) => self.about(
                &own,
                StatusCode::ACCEPTED,
                &TestedDocument {
                    webhook_id,
                    sequence: *sequence,
                },
            ),
            _ => Err(Refusal::absent()),
        }
    }

    /// An answer that is not the subscription itself.
    fn about<T: Serialize>(
        &self,
        own: &Subscription,
        status: StatusCode,
        document: &T,
    ) -> Answered {
        let mut reply = json(status, document)?;
        self.inner().lifetime(&mut reply, own);
        Ok(reply)
    }
}

fn state(text: &str) -> Answered<DeliveryState> {
    let read = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text);
    DeliveryState::deserialize(read).map_err(|error| Refusal::malformed(format!("state: {error}")))
}

fn document(delivery: Delivery) -> DeliveryDocument {
    let text = delivery
        .body
        .and_then(|body| String::from_utf8(body.to_vec()).ok());
    DeliveryDocument {
        sequence: delivery.sequence,
        webhook_id: delivery.webhook_id,
        state: delivery.state,
        attempts: delivery.attempts,
        body: text.and_then(|text| RawValue::from_string(text).ok()),
        reason: delivery.reason,
    }
}
