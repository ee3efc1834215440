//! Events: many publishers on one channel, confirmed together.

use std::sync::Arc;

use lapin::Confirmation;
use lapin::options::BasicPublishOptions;
use polywire_core::{Error, ErrorKind, Result};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::{Attempt, Lane, Make, Unfinished, blocked, failed, place, together, wait_until_read};
use crate::connection::{Link, Live};

/// A window of unconfirmed publishes that all callers share.
///
/// Not mandatory: an event without groups is published all the same, and the library attaches what is returned on a
/// pipelined channel to the wrong confirm.
pub(crate) struct Window {
    lane: Lane,
    size: usize,
    places: Arc<Semaphore>,
}

impl Window {
    pub(crate) fn new(link: Link, size: usize) -> Self {
        let size = size.min(Semaphore::MAX_PERMITS);
        Self {
            lane: Lane::new(link, true),
            size,
            places: Arc::new(Semaphore::new(size)),
        }
    }

    /// Offers a message once.
    ///
    /// # Errors
    /// As [`Lane::open`]; `Overloaded` when there is no place, or the broker reads nothing, until the deadline.
    pub(crate) async fn offer(&self, message: Make<'_>, deadline: Instant) -> Result<Attempt> {
        let opened = self.lane.open(deadline).await?;
        let live = opened.live.clone();
        wait_until_read(&live, deadline).await?;
        let place = place(&self.places, deadline).await?;
        let channel = opened.channel.clone();
        let message = message()?;
        if self.places.available_permits() + 1 < self.size {
            together().await;
        }
        let publish = Unfinished::new(async move {
            let _place = place;
            let confirm = channel
                .basic_publish(
                    message.exchange,
                    message.key,
                    BasicPublishOptions::default(),
                    &message.body,
                    message.properties,
                )
                .await?;
            confirm.await
        });
        Ok(confirmed(publish, deadline, &live).await)
    }
}

/// What became of a publish.
pub(super) async fn confirmed(
    publish: impl Future<Output = lapin::Result<Confirmation>>,
    deadline: Instant,
    live: &Live,
) -> Attempt {
    let found = tokio::select! {
        biased;
        found = timeout_at(deadline, publish) => found,
        () = live.lost() => return Attempt::Lost(Error::new(
            ErrorKind::Unavailable,
            "the connection to the broker was lost before it confirmed",
        )),
    };
    match found {
        Ok(Ok(Confirmation::Ack(None))) => Attempt::Taken,
        Ok(Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)))) => Attempt::NoRoute,
        Ok(Ok(Confirmation::Nack(None))) => Attempt::Refused,
        Ok(Ok(Confirmation::NotRequested)) => Attempt::Never(Error::new(
            ErrorKind::Internal,
            "published on a channel that does not confirm",
        )),
        Ok(Err(error)) => failed(&error),
        Err(_) => Attempt::Lost(match live.blocked() {
            Some(why) => blocked(&why),
            None => Error::new(
                ErrorKind::Unavailable,
                "the broker did not confirm before the deadline",
            ),
        }),
    }
}
