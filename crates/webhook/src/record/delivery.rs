//! A delivery: one rendering of a message for one subscription.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use polywire_core::contract::{Name, Version};
use serde::{Deserialize, Serialize};

use super::SubscriptionId;

/// Numbers a delivery in its store; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeliveryId(pub i64);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is to be delivered. From here on it is frozen: every attempt sends the same bytes.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Whose it is.
    pub subscription: SubscriptionId,
    /// `webhook-id`: names this rendering, at most [`NewDelivery::MAX_ID`] bytes. One that the subscription has already is
    /// a duplicate and not kept twice, which also is how a consumer recognises what it has seen.
    /// Ids that grow with time are the cheapest to keep. One that is signed has no dot.
    pub webhook_id: String,
    /// The message's own id, the same in every rendering; at most [`NewDelivery::MAX_ID`] bytes.
    pub message_id: String,
    /// The event, or whatever else is delivered.
    pub interaction: Name,
    /// The version that it is rendered for.
    pub version: Version,
    /// Deliveries of one key are made one after the other; `None` waits for nothing. At most [`NewDelivery::MAX_ID`] bytes.
    pub key: Option<Arc<str>>,
    /// Headers besides those of the signature, at most [`NewDelivery::MAX_HEADER_BYTES`] altogether.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// How long to wait before the first attempt.
    pub delay: Duration,
}

impl NewDelivery {
    /// The longest id or key, in bytes.
    pub const MAX_ID: usize = 256;
    /// The most bytes of headers.
    pub const MAX_HEADER_BYTES: usize = 16 * 1024;
}

/// A body, into which the store may write the sequence number that only it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// These bytes.
    Whole(Bytes),
    /// The sequence number in decimal digits between two parts, so that it is signed with the rest.
    Numbered {
        /// What stands before it.
        before: Bytes,
        /// What stands after it.
        after: Bytes,
    },
}

impl Body {
    /// The parts between which the number stands, if it does.
    #[must_use]
    pub fn parts(&self) -> (&Bytes, Option<&Bytes>) {
        match self {
            Self::Whole(bytes) => (bytes, None),
            Self::Numbered { before, after } => (before, Some(after)),
        }
    }

    /// The bytes for a sequence number.
    #[must_use]
    pub fn render(&self, sequence: u64) -> Bytes {
        match self {
            Self::Whole(bytes) => bytes.clone(),
            Self::Numbered { before, after } => [before, sequence.to_string().as_bytes(), after]
                .concat()
                .into(),
        }
    }
}

/// Where a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// Another one of its key is before it.
    Waiting,
    /// To be attempted when it is due.
    Ready,
    /// A worker has it.
    Leased,
    /// Accepted by the sink.
    Done,
    /// Given up; an operator may replay it.
    Dead,
    /// Set aside because its version was not understood; it may be replayed.
    Parked,
}

impl DeliveryState {
    /// Every state, for tables and tests.
    pub const ALL: [Self; 6] = [
        Self::Waiting,
        Self::Ready,
        Self::Leased,
        Self::Done,
        Self::Dead,
        Self::Parked,
    ];

    /// The number that stores keep; never reused for another state.
    #[must_use]
    pub const fn number(self) -> i16 {
        match self {
            Self::Waiting => 0,
            Self::Ready => 1,
            Self::Leased => 2,
            Self::Done => 3,
            Self::Dead => 4,
            Self::Parked => 5,
        }
    }

    /// The state of a number.
    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }

    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Done | Self::Dead | Self::Parked)
    }
}

/// A delivery, as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Numbers it.
    pub id: DeliveryId,
    /// Whose it is.
    pub subscription: SubscriptionId,
    /// Its place among those of its subscription, from 1, without gaps.
    pub sequence: u64,
    /// `webhook-id`.
    pub webhook_id: String,
    /// The message's own id.
    pub message_id: String,
    /// The event, or whatever else is delivered.
    pub interaction: Name,
    /// The version that it is rendered for.
    pub version: Version,
    /// What it is ordered by.
    pub key: Option<Arc<str>>,
    /// Headers besides those of the signature.
    pub headers: Vec<(String, String)>,
    /// The body; `None` once a finished one was swept.
    pub body: Option<Bytes>,
    /// Where it is.
    pub state: DeliveryState,
    /// When it is attempted next, where it is ready.
    pub due: Timestamp,
    /// How many attempts were begun since it was enqueued or replayed.
    pub attempts: u32,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it was done, given up or parked.
    pub finished_at: Option<Timestamp>,
    /// Why it is where it is, for an operator.
    pub reason: Option<String>,
}

/// A worker's right to one delivery. A later lease of the same delivery has another fence, and this one is then void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The delivery.
    pub id: DeliveryId,
    /// Counts its leases.
    pub fence: u64,
}

/// A delivery in a worker's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// What settles it.
    pub claim: Claim,
    /// The delivery, with this attempt counted.
    pub delivery: Delivery,
    /// Until when it is this worker's, unless it is extended.
    pub until: Timestamp,
}

/// What becomes of a leased delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The sink has accepted it.
    Done,
    /// Once more, after so long.
    Retry {
        /// How long.
        after: Duration,
        /// Why, at most [`Settlement::MAX_REASON`] bytes are kept.
        reason: String,
    },
    /// Given up.
    Dead {
        /// Why.
        reason: String,
    },
    /// Set aside until versions agree again; the attempt does not count.
    Park {
        /// Why.
        reason: String,
    },
    /// It was not attempted after all: others may have it after so long, and the attempt does not count.
    Release {
        /// How long.
        after: Duration,
    },
}

/// What came of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The right to it.
    pub claim: Claim,
    /// What becomes of it.
    pub fate: Fate,
    /// What to note of the attempt, if one was made.
    pub attempt: Option<Attempt>,
}

impl Settlement {
    /// How much of a reason or of what came of an attempt is kept, in bytes.
    pub const MAX_REASON: usize = 1024;
}

/// One attempt, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, to the millisecond.
    pub took: Duration,
    /// What came of it, such as `status 503`: never the sink's address, and of what it said nothing.
    pub outcome: String,
}
