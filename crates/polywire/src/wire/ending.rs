//! How a runtime ends: in order, or at once.

use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use polywire_core::Result;

use super::Polywire;

impl Polywire {
    /// Stops taking new work and waits until what runs has finished, first what is served by this process - also by
    /// plugins in it -, then where it only consumes, so that a handler may still use its own clients. Idempotent, and
    /// without a bound of its own: [`run`](Self::run) bounds it by `[service] drain_timeout`.
    ///
    /// # Errors
    /// The first error of a channel or transport; the others are drained all the same.
    pub async fn drain(&self) -> Result<()> {
        let mut result = Ok(());
        for within in [true, false] {
            let links = self.inner.channels.values();
            let opened: Vec<_> = links
                .filter(|link| link.serves.load(Ordering::Acquire) == within)
                .filter_map(|link| link.opened.get())
                .collect();
            let drained = opened.iter().map(|channel| channel.drain());
            result = first_error(result, join_all(drained).await);
            let transports = self.inner.transports.iter();
            let drained = transports
                .filter(|opened| opened.within == within)
                .map(|opened| opened.transport.drain());
            result = first_error(result, join_all(drained).await);
        }
        result
    }

    /// Lets go of everything at once; what still runs is cancelled. Idempotent.
    ///
    /// # Errors
    /// The first error of a channel or transport; the others are closed all the same.
    pub async fn close(&self) -> Result<()> {
        self.inner.closed.store(true, Ordering::Release);
        let links = self.inner.channels.values();
        let opened: Vec<_> = links.filter_map(|link| link.opened.get()).collect();
        let closed = opened.iter().map(|channel| channel.close());
        let result = first_error(Ok(()), join_all(closed).await);
        let transports = self.inner.transports.iter();
        let closed = transports.map(|opened| opened.transport.close());
        first_error(result, join_all(closed).await)
    }
}

fn first_error(result: Result<()>, others: Vec<Result<()>>) -> Result<()> {
    others.into_iter().fold(result, Result::and)
}
