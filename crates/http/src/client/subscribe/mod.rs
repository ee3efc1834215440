//! Subscriptions: a stream of server-sent events per replica, resumed for as long as anybody listens.

mod progress;
mod settler;
mod stream;

use std::sync::Arc;

use futures_util::future::join_all;
use polywire_core::contract::Retry;
use polywire_core::{Deliveries, Delivery, Error, ErrorKind, Result, Subscription};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Client;
use crate::wire::MAX_PREFETCH;
use stream::Replica;

impl Client {
    /// Joins a group at every replica. Waits for the first answers, and not for replicas that are away.
    pub(crate) async fn subscribe(self: &Arc<Self>, subscription: Subscription, closing: CancellationToken) -> Result<Deliveries> {
        if subscription.token.is_some() {
            for turn in 0..self.bases.len() {
                self.guard_token(turn)?;
            }
        }
        let subscription = Arc::new(subscription);
        let replicas: Vec<Replica> =
            (0..self.bases.len()).map(|turn| Replica::new(self.clone(), subscription.clone(), turn)).collect::<Result<_>>()?;
        let opened = join_all(replicas.into_iter().map(|mut replica| async move {
            let opened = replica.open().await;
            (replica, opened)
        }))
        .await;
        // One replica that takes the subscription, or may later, is enough: during a deployment the others follow.
        if opened.iter().all(|(_, opened)| opened.as_ref().is_err_and(is_final)) {
            let refusal = opened.into_iter().find_map(|(_, opened)| opened.err());
            return Err(refusal.unwrap_or_else(|| Error::new(ErrorKind::Config, "no url is configured")));
        }
        let (deliver, mut delivered) = mpsc::channel::<Delivery>(subscription.prefetch.clamp(1, MAX_PREFETCH));
        for (replica, opened) in opened {
            tokio::spawn(replica.run(opened, deliver.clone(), closing.clone()));
        }
        drop(deliver);
        Ok(Deliveries::new(futures_util::stream::poll_fn(move |cx| delivered.poll_recv(cx))))
    }
}

/// Whether a refusal stays one: waiting for the provider to come would help nobody.
fn is_final(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Unavailable | ErrorKind::Overloaded | ErrorKind::DeadlineExceeded | ErrorKind::Unroutable | ErrorKind::Internal => false,
        ErrorKind::NoMatch => error.retry() != Retry::Later,
        _ => true,
    }
}
