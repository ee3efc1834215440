//! One channel to publish on.

use std::sync::Arc;

use lapin::Channel;
use polywire_core::Result;
use tokio::time::Instant;

use super::shared::{Shared, Usable};
use crate::connection::{Link, Live};

/// An open channel on a live connection.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) live: Arc<Live>,
    pub(crate) channel: Channel,
}

impl Usable for Opened {
    fn is_usable(&self) -> bool {
        self.channel.status().connected() && self.live.is_connected()
    }
}

/// A channel that everybody shares.
pub(crate) struct Lane {
    confirming: bool,
    shared: Shared<Opened>,
}

impl Lane {
    pub(crate) fn new(link: Link, confirming: bool) -> Self {
        Self {
            confirming,
            shared: Shared::new(link),
        }
    }

    /// The channel, opened if need be.
    ///
    /// # Errors
    /// As [`Shared::get`].
    pub(crate) async fn open(&self, deadline: Instant) -> Result<Arc<Opened>> {
        let open = async |live: Arc<Live>| {
            let channel = if self.confirming {
                live.confirming_channel().await?
            } else {
                live.channel().await?
            };
            Ok(Arc::new(Opened { live, channel }))
        };
        self.shared.get(deadline, open).await
    }
}
