//! Tells subscribers, on every track that is served.

use polywire::{Provided, Result};

use super::Serve;
use crate::{v1, v2};

/// A publisher of the newest version served; what it publishes is adapted for the older ones.
#[derive(Debug)]
pub(super) enum Announcer {
    /// Version 1 is all there is.
    One(v1::OrdersPublisher),
    /// Version 2, and 1 by adapters.
    Two(v2::OrdersPublisher),
}

impl Announcer {
    pub(super) fn new(provided: &Provided, serve: Serve) -> Result<Self> {
        match serve {
            Serve::One => provided.publisher().map(Self::One),
            Serve::OneAndTwo => provided.publisher().map(Self::Two),
        }
    }

    pub(super) async fn shipped(&self, event: v2::Shipped) -> Result<()> {
        match self {
            Self::One(publisher) => publisher.shipped(&event.into()).await?,
            Self::Two(publisher) => publisher.shipped(&event).await?,
        };
        Ok(())
    }

    pub(super) async fn day_closed(&self, day: v2::Day) -> Result<()> {
        match self {
            Self::One(publisher) => publisher.day_closed(&day).await?,
            Self::Two(publisher) => publisher.day_closed(&day).await?,
        };
        Ok(())
    }
}
