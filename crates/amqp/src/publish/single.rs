//! What must reach a queue: mandatory, one at a time on each of several channels.
//!
//! The library attaches a returned message to whichever confirm comes first, so that with one publish at a time on a
//! channel, and only then, it is the right one.

use std::sync::Arc;

use lapin::options::BasicPublishOptions;
use parking_lot::Mutex;
use polywire_core::Result;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::shared::NO_CHANNEL;
use super::window::confirmed;
use super::{Attempt, Make, Opened, Unfinished, Usable, place, unanswered, wait_until_read};
use crate::connection::Link;

/// How many such publishes run at once.
const CHANNELS: usize = 64;

/// A pool of channels with at most one publish each.
pub(crate) struct Singles {
    link: Link,
    idle: Arc<Mutex<Vec<Opened>>>,
    places: Arc<Semaphore>,
}

impl Singles {
    pub(crate) fn new(link: Link) -> Self {
        Self {
            link,
            idle: Arc::default(),
            places: Arc::new(Semaphore::new(CHANNELS)),
        }
    }

    /// Offers a message once.
    ///
    /// # Errors
    /// `Unavailable` at the deadline, the broker's refusal, `Closed`; `Overloaded` when there is no place, or the broker reads nothing, until the deadline.
    pub(crate) async fn offer(&self, message: Make<'_>, deadline: Instant) -> Result<Attempt> {
        let place = place(&self.places, deadline).await?;
        let message = message()?;
        let opened = self.take(deadline).await?;
        let live = opened.live.clone();
        wait_until_read(&live, deadline).await?;
        let idle = self.idle.clone();
        let publish = Unfinished::new(async move {
            let _place = place;
            let options = BasicPublishOptions {
                mandatory: true,
                ..BasicPublishOptions::default()
            };
            let confirm = opened
                .channel
                .basic_publish(
                    message.exchange,
                    message.key,
                    options,
                    &message.body,
                    message.properties,
                )
                .await?;
            let confirmed = confirm.await;
            if opened.is_usable() {
                idle.lock().push(opened);
            }
            confirmed
        });
        Ok(confirmed(publish, deadline, &live).await)
    }

    async fn take(&self, deadline: Instant) -> Result<Opened> {
        loop {
            let idle = self.idle.lock().pop();
            match idle {
                Some(opened) if opened.is_usable() => return Ok(opened),
                Some(_) => {}
                None => break,
            }
        }
        let live = self.link.live_until(deadline).await?;
        match timeout_at(deadline, live.confirming_channel()).await {
            Ok(channel) => Ok(Opened {
                channel: channel?,
                live,
            }),
            Err(_) => Err(unanswered(&live, NO_CHANNEL)),
        }
    }
}
