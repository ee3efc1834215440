//! One channel to publish on, opened when needed and again after it was lost.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use lapin::Channel;
use polywire_core::Result;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::connection::{Link, Live};

/// An open channel on a live connection.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) live: Arc<Live>,
    pub(crate) channel: Channel,
}

impl Opened {
    pub(crate) fn is_usable(&self) -> bool {
        self.channel.status().connected() && self.live.is_connected()
    }
}

/// A channel that everybody shares.
pub(crate) struct Lane {
    link: Link,
    confirming: bool,
    current: ArcSwapOption<Opened>,
    opening: Mutex<()>,
}

impl Lane {
    pub(crate) fn new(link: Link, confirming: bool) -> Self {
        Self {
            link,
            confirming,
            current: ArcSwapOption::empty(),
            opening: Mutex::new(()),
        }
    }

    /// The channel, opened if need be.
    ///
    /// # Errors
    /// `Unavailable` at the deadline, the broker's refusal, `Closed`.
    pub(crate) async fn open(&self, deadline: Instant) -> Result<Arc<Opened>> {
        if let Some(opened) = self.usable() {
            return Ok(opened);
        }
        let live = self.link.live_until(deadline).await?;
        let opening = async {
            let _one = self.opening.lock().await;
            if let Some(opened) = self.usable() {
                return Ok(opened);
            }
            let channel = if self.confirming {
                live.confirming_channel().await?
            } else {
                live.channel().await?
            };
            let opened = Arc::new(Opened { live, channel });
            self.current.store(Some(opened.clone()));
            Ok(opened)
        };
        match timeout_at(deadline, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(polywire_core::Error::new(
                polywire_core::ErrorKind::Unavailable,
                "the broker opened no channel before the deadline",
            )),
        }
    }

    fn usable(&self) -> Option<Arc<Opened>> {
        self.current.load_full().filter(|opened| opened.is_usable())
    }
}
