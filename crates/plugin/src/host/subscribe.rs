//! Joining groups of events.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use polywire_core::{Deliveries, ErrorKind, Head, Kind, Result, Subscription};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::PluginHost;
use super::roster::Place;

/// How long a plugin may take to say whether somebody may subscribe.
const ADMISSION: Duration = Duration::from_secs(30);

impl PluginHost {
    /// Joins a group of an event, until a token is cancelled.
    ///
    /// # Errors
    /// `NoMatch` when what is deployed has no version with that event that fits; `Unauthenticated` and `PermissionDenied` as the
    /// plugin decides; `Overloaded`, `Closed`.
    pub async fn subscribe(
        &self,
        subscription: &Subscription,
        ending: CancellationToken,
    ) -> Result<Deliveries> {
        let Subscription {
            event, requirement, ..
        } = subscription;
        let roster = self.switch.roster.load_full();
        if roster.offer().versions().is_empty() {
            self.want_later(requirement, event);
        } else {
            let route = roster.route(requirement, event)?;
            self.want(&route, requirement, event);
            if let Some(place) = &route.place {
                admitted(place, subscription).await?;
            }
        }
        let member = self.switch.exchange.join(subscription, None)?;
        let ends = [ending, self.stopped.clone()];
        Ok(Deliveries::new(stream::unfold(
            (member, ends),
            |(mut member, ends)| async move {
                let [ending, stopped] = &ends;
                let received = tokio::select! {
                    biased;
                    () = ending.cancelled() => return None,
                    () = stopped.cancelled() => return None,
                    received = member.next() => received?,
                };
                Some((received.delivery, (member, ends)))
            },
        )))
    }
}

/// Asks a plugin whether somebody may subscribe. One that knows nothing of such questions admits everybody.
async fn admitted(place: &Place, subscription: &Subscription) -> Result<()> {
    let Subscription {
        contract,
        event,
        token,
        ..
    } = subscription;
    let mut head = Head::new(Kind::Event, contract.clone(), event.clone());
    head.token.clone_from(token);
    head.deadline = Some(Instant::now() + ADMISSION);
    match place.call(&head, Bytes::new()).await {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::Unauthenticated | ErrorKind::PermissionDenied
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}
