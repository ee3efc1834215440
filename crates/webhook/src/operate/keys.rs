//! New keys, and whether a sink takes what they sign.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use polywire_core::contract::Version;
use polywire_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::Operator;
use crate::deliver::probe;
use crate::record::{Delivery, DeliveryId, DeliveryState, SubscriptionId};
use crate::schedule::{Answer, Meaning};
use crate::server::{Asks, ping};

/// A new key. Its `Debug` shows no secret.
pub struct Rotated {
    /// Whose it is.
    pub subscription: SubscriptionId,
    /// Its name.
    pub kid: String,
    /// `v1` or `v1a`.
    pub algorithm: String,
    /// The `whsec_` text, which is not shown again; `None` for a pair.
    pub secret: Option<Zeroizing<String>>,
    /// The `whpk_` text of a pair.
    pub public: Option<String>,
    /// Whether it signs. Else it waits for the sink's consent, for an hour.
    pub signs: bool,
    /// Until when the key before it signs too.
    pub overlap_until: Option<Timestamp>,
    /// Why the sink has not consented.
    pub reason: Option<String>,
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The id that the sink saw.
    pub webhook_id: String,
    /// The version that it was sent for.
    pub version: Version,
    /// When.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// The status, or why there is none.
    pub answer: Answer,
    /// Whether the sink takes deliveries.
    pub accepted: bool,
}

impl Operator {
    /// Makes a new key, and asks the sink whether it takes what that signs, for up to half a minute. The keys before it sign
    /// on for a day.
    ///
    /// # Errors
    /// As [`pause`](Self::pause).
    pub async fn rotate(&self, id: &SubscriptionId) -> Result<Rotated> {
        let document = self.server.operate(Asks::Rotate, id).await?;
        let proposed = document.proposed.and_then(|proposed| proposed.key);
        let signs = proposed.is_none();
        let overlap_until = document.keys.get(1).and_then(|key| key.retires_at);
        let key = proposed.or_else(|| document.keys.into_iter().next());
        // Another process has taken it back in the same moment.
        let key = key.filter(|key| key.secret.is_some() || key.public.is_some());
        let key = key.ok_or_else(|| {
            let text = format!("the keys of {id} are changed by somebody else: rotate again");
            Error::new(ErrorKind::Unavailable, text)
        })?;
        Ok(Rotated {
            subscription: id.clone(),
            kid: key.kid,
            algorithm: key.algorithm,
            secret: key.secret.map(Zeroizing::new),
            public: key.public,
            signs,
            overlap_until: overlap_until.filter(|_| signs),
            reason: document.reason.filter(|_| !signs),
        })
    }

    /// Sends a signed test to a subscription's sink, once and at once, whatever the state of the subscription; nothing of it
    /// is kept.
    ///
    /// # Errors
    /// `Unroutable` when there is no such subscription, those of the store.
    pub async fn test(&self, id: &SubscriptionId) -> Result<Tested> {
        let subscription = self.subscription(id).await?;
        let now = self.clock.now();
        let ping = ping(&subscription, now)?;
        let delivery = Delivery {
            id: DeliveryId(0),
            subscription: ping.subscription,
            sequence: 0,
            webhook_id: ping.webhook_id,
            message_id: ping.message_id,
            interaction: ping.interaction,
            version: ping.version,
            key: None,
            headers: ping.headers,
            body: Some(ping.body.render(0)),
            state: DeliveryState::Leased,
            due: now,
            attempts: 1,
            created_at: now,
            finished_at: None,
            reason: None,
        };
        let (sender, signers) = (&self.sender, &self.keys);
        let probed = probe(&delivery, &subscription, sender, signers, &self.options).await;
        Ok(Tested {
            webhook_id: delivery.webhook_id,
            version: delivery.version,
            at: probed.at,
            took: probed.took,
            accepted: probed.answer.meaning() == Meaning::Accepted,
            answer: probed.answer,
        })
    }
}

impl fmt::Debug for Rotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotated")
            .field("subscription", &self.subscription)
            .field("kid", &self.kid)
            .field("signs", &self.signs)
            .finish_non_exhaustive()
    }
}
