//! Replies on their way back.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use polywire_core::{Error, ErrorKind, Result};
use tokio::time::{Instant, timeout_at};

use crate::broker::Broker;
use crate::error::lost;

/// Sends a reply once. It is not confirmed: a caller that does not get it has a deadline.
pub(super) async fn reply(
    broker: &Broker,
    to: ShortString,
    answer: (BasicProperties, Bytes),
    deadline: Instant,
) {
    if let Err(error) = try_reply(broker, to, answer, deadline).await {
        tracing::debug!(%error, "a reply could not be sent; its caller waits for the deadline");
    }
}

async fn try_reply(
    broker: &Broker,
    to: ShortString,
    (properties, body): (BasicProperties, Bytes),
    deadline: Instant,
) -> Result<()> {
    let opened = broker.replies.open(deadline).await?;
    let publish = opened.channel.basic_publish(
        ShortString::default(),
        to,
        BasicPublishOptions::default(),
        &body,
        properties,
    );
    match timeout_at(deadline, publish).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(lost("replying", &error)),
        Err(_) => Err(Error::new(
            ErrorKind::DeadlineExceeded,
            "the broker did not read before the deadline",
        )),
    }
}
