//! A subscription's typed end: checks each event's version, decodes it, and sets aside what does not fit.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use polywire_contract::{Contract, Name, Requirement};
use serde::de::DeserializeOwned;

use crate::codec;
use crate::delivery::{Deliveries, Delivery, Verdict};
use crate::error::{Error, ErrorKind, Result};
use crate::message::Head;
use crate::session::verify::check_stamp;

/// Which subscribers share: members of one group compete for its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group(Option<String>);

impl Group {
    /// A group of one, that ends with its subscription and does not get what it missed.
    #[must_use]
    pub const fn alone() -> Self {
        Self(None)
    }

    /// A named group: it goes on while no member is there, where the channel can resume.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self(Some(name.into()))
    }

    pub(crate) fn name(self) -> Result<Option<Name>> {
        let Some(text) = self.0 else { return Ok(None) };
        Name::try_from(text.as_str()).map(Some).map_err(|error| {
            Error::new(ErrorKind::Config, format!("group {text:?}: {error}")).caused_by(error)
        })
    }
}

impl From<&str> for Group {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl From<String> for Group {
    fn from(name: String) -> Self {
        Self::named(name)
    }
}

/// A subscription to one event, typed.
///
/// An event at a version that the requirement excludes is parked, one that does not decode is dead-lettered, each with
/// the reason; neither reaches the application.
pub struct Subscriber<T> {
    deliveries: Deliveries,
    requirement: Requirement,
    contract: Arc<Contract>,
    payload: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Subscriber<T> {
    pub(crate) fn new(
        deliveries: Deliveries,
        requirement: Requirement,
        contract: Arc<Contract>,
    ) -> Self {
        Self {
            deliveries,
            requirement,
            contract,
            payload: PhantomData,
        }
    }

    /// The next event; `None` once the channel drains or is closed.
    ///
    /// # Cancel safety
    /// An event is never lost by dropping this future: it returns to the group.
    pub async fn next(&mut self) -> Option<TypedDelivery<T>> {
        loop {
            let delivery = self.deliveries.next().await?;
            let (verdict, id) = match self.examine(&delivery) {
                Ok(event) => return Some(TypedDelivery { event, delivery }),
                Err(verdict) => (verdict, delivery.head.id.clone()),
            };
            tracing::warn!(%id, ?verdict, "event set aside");
            if let Err(error) = delivery.settle(verdict).await {
                tracing::warn!(%id, %error, "event could not be set aside; it will be delivered again");
            }
        }
    }

    fn examine(&self, delivery: &Delivery) -> Result<T, Verdict> {
        let Some(stamp) = &delivery.head.stamp else {
            return Err(Verdict::Reject {
                reason: "the event does not say which version it was published at".to_owned(),
            });
        };
        if let Err(error) = check_stamp(stamp, &self.requirement, &self.contract) {
            return Err(Verdict::Park {
                reason: error.message().to_owned(),
            });
        }
        codec::decode(&delivery.body).map_err(|error| Verdict::Reject {
            reason: error.message().to_owned(),
        })
    }
}

impl<T> fmt::Debug for Subscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("requirement", &self.requirement)
            .finish_non_exhaustive()
    }
}

/// A typed event, to be acked, retried or rejected. Dropped unsettled, it returns to the group.
#[derive(Debug)]
pub struct TypedDelivery<T> {
    /// The event.
    pub event: T,
    delivery: Delivery,
}

impl<T> TypedDelivery<T> {
    /// Who published it, at which version, and which attempt this is.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.delivery.head
    }

    /// See [`Delivery::ack`].
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    pub async fn ack(self) -> Result<()> {
        self.delivery.ack().await
    }

    /// See [`Delivery::retry`].
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    pub async fn retry(self, after: Duration) -> Result<()> {
        self.delivery.retry(after).await
    }

    /// See [`Delivery::reject`].
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    pub async fn reject(self, reason: impl Into<String> + Send) -> Result<()> {
        self.delivery.reject(reason).await
    }
}
