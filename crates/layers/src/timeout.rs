//! Every message has a deadline, and none is too far away.

use std::sync::Arc;
use std::time::Duration;

use polywire_core::{Channel, Dispatched, Error, ErrorKind, Kind, Message, Receipt, Reply, Result};
use tokio::time::{Instant, timeout_at};

use crate::delegate::layer;

/// The longest wait that is represented; a longer one is cut to it.
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// Gives a deadline to messages that have none, and shortens one that is too far away.
///
/// A deadline that this layer set or shortened is also enforced by it; one that was given and short enough is left to
/// whoever gave it, as [`polywire_core::Session`] does.
///
/// Wrong: `Retry` around `Timeout` gives every attempt the whole time anew. Right: `Timeout` around
/// [`Retry`](crate::Retry), so that all attempts share one deadline.
#[derive(Debug)]
pub struct Timeout {
    inner: Arc<dyn Channel>,
    default: Duration,
    longest: Duration,
}

impl Timeout {
    /// A channel whose messages get `default` as their time when they have no deadline, and at most `longest` when they
    /// have one.
    #[must_use]
    pub fn new(inner: Arc<dyn Channel>, default: Duration, longest: Duration) -> Self {
        let longest = longest.min(YEAR);
        Self {
            inner,
            default: default.min(longest),
            longest,
        }
    }

    /// Sets the deadline; returns it with the time it allows when it is this layer's own.
    fn bound(&self, message: &mut Message) -> Option<(Instant, Duration)> {
        let now = Instant::now();
        let allowed = match message.head.deadline {
            None => self.default,
            Some(deadline) if deadline > now + self.longest => self.longest,
            Some(_) => return None,
        };
        message.head.deadline = Some(now + allowed);
        Some((now + allowed, allowed))
    }
}

/// Awaits a verb until the layer's own deadline, if it has set one.
async fn within<T>(
    own: Option<(Instant, Duration)>,
    kind: Kind,
    verb: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    let Some((deadline, allowed)) = own else {
        return verb.await;
    };
    timeout_at(deadline, verb).await.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::DeadlineExceeded,
            format!("no answer to the {kind} within {allowed:?}; the handler may have run"),
        )
        .dispatched_as(Dispatched::Maybe))
    })
}

layer!(Timeout {
    async fn call(&self, mut message: Message) -> Result<Reply> {
        let own = self.bound(&mut message);
        within(own, Kind::Operation, self.inner.call(message)).await
    }

    async fn send(&self, mut message: Message) -> Result<Receipt> {
        let own = self.bound(&mut message);
        within(own, Kind::Command, self.inner.send(message)).await
    }

    async fn publish(&self, mut message: Message) -> Result<Receipt> {
        let own = self.bound(&mut message);
        within(own, Kind::Event, self.inner.publish(message)).await
    }
});
