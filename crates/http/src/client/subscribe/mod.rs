//! Subscriptions: a stream of server-sent events per replica, resumed for as long as anybody listens.

mod progress;
mod settler;
mod stream;

use std::sync::Arc;

use futures_util::future::join_all;
use polywire_core::{Deliveries, Delivery, Error, ErrorKind, Result, Subscription};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::Client;
use crate::wire::MAX_PREFETCH;
use stream::Replica;

/// What ends a subscription from this side.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    /// Nothing more is taken; what is held may still be settled.
    pub(crate) draining: CancellationToken,
    /// At once.
    pub(crate) closing: CancellationToken,
}

impl Client {
    /// Joins a group at every replica. Waits for the first answers, and not for replicas that are away.
    pub(crate) async fn subscribe(
        self: &Arc<Self>,
        subscription: Subscription,
        ends: Ends,
    ) -> Result<Deliveries> {
        if subscription.token.is_some() {
            for turn in 0..self.bases.len() {
                self.guard_token(turn)?;
            }
        }
        let subscription = Arc::new(subscription);
        let replicas: Vec<Replica> = (0..self.bases.len())
            .map(|turn| Replica::new(self.clone(), subscription.clone(), turn))
            .collect::<Result<_>>()?;
        let opened = join_all(replicas.into_iter().map(|mut replica| async move {
            let opened = replica.open().await;
            (replica, opened)
        }))
        .await;
        // One replica that takes the subscription is enough: during a deployment the others follow.
        if opened.iter().all(|(_, opened)| opened.is_err())
            && let Some(refusal) = opened
                .iter()
                .find_map(|(_, opened)| opened.as_ref().err().filter(|error| is_final(error)))
        {
            return Err(refusal.clone());
        }
        let places = Arc::new(Semaphore::new(subscription.prefetch.clamp(1, MAX_PREFETCH)));
        let (deliver, mut delivered) =
            mpsc::channel::<Delivery>(subscription.prefetch.clamp(1, MAX_PREFETCH));
        for (replica, opened) in opened {
            tokio::spawn(replica.run(opened, deliver.clone(), places.clone(), ends.clone()));
        }
        drop(deliver);
        Ok(Deliveries::new(futures_util::stream::poll_fn(move |cx| {
            delivered.poll_recv(cx)
        })))
    }
}

/// Whether a refusal stays one: waiting for the provider to come would help nobody.
fn is_final(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::Unavailable
            | ErrorKind::Overloaded
            | ErrorKind::DeadlineExceeded
            | ErrorKind::Unroutable
            | ErrorKind::Internal
    )
}
