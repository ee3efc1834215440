//! Keeps one group subscribed: registers, renews, moves the hook, catches up, for as long as the group has a member here.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use polywire_core::cloudevent::CloudEvent;
use polywire_core::{Error, ErrorKind, Result};
use tokio::time::{Instant, sleep};

use super::provider::Provider;
use super::registration::{Asked, Claimed, Registration, Registrations};
use super::spool::Spool;
use crate::client::hooks::{Hook, Taker};
use crate::client::place::Place;
use crate::clock::{Clock, until};
use crate::record::DeliveryState;
use crate::wire::Document;

/// How often the group's own record is looked at: another process may have changed it.
const LOOK: Duration = Duration::from_secs(1);
/// How often the provider is asked how the subscription stands.
const ASK: Duration = Duration::from_secs(15);
/// The first and the longest wait after something failed.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(15));
/// How long an event may be overtaken before it is fetched.
const OVERTAKEN: Duration = Duration::from_secs(30);

/// What keeps one group subscribed.
pub(super) struct Keeper {
    pub(super) asked: Asked,
    pub(super) hook_id: String,
    pub(super) hook: Arc<Hook>,
    pub(super) spool: Arc<Spool>,
    pub(super) registrations: Registrations,
    pub(super) provider: Provider,
    pub(super) place: Arc<Place>,
    pub(super) clock: Arc<dyn Clock>,
    /// When somebody subscribed first: what was published from then on is asked for.
    pub(super) since: Timestamp,
}

impl Keeper {
    /// Registers, or goes on with the registration that is there. When it says `Ok`, events are delivered.
    ///
    /// # Errors
    /// Those of the provider, and `Unavailable` when it cannot be reached, or another process is just registering.
    pub(super) async fn register(&self) -> Result<Registration> {
        let sink = self.place.hook(&self.hook_id).await?;
        match self
            .registrations
            .claim(&self.asked, self.clock.now())
            .await?
        {
            Claimed::There(found) => {
                self.hook.trust(self.registrations.verifier(&found)?);
                match found.id().map(str::to_owned) {
                    // Whoever had it may have gone without a word; who came last has it.
                    Some(id) if found.sink() != sink => self.take_over(found, &id, &sink).await,
                    _ => Ok(found),
                }
            }
            Claimed::Theirs => Err(Error::new(
                ErrorKind::Unavailable,
                "another process of the group is registering it: a moment",
            )),
            Claimed::Ours(claimed) => {
                let made = self.make(&claimed, sink).await;
                if made.is_err() {
                    self.registrations.forget(&self.asked.name).await?;
                }
                made
            }
        }
    }

    async fn make(&self, claimed: &Registration, sink: String) -> Result<Registration> {
        let made = self.provider.create(&self.asked, sink, self.since).await?;
        let Some(kept) = self.registrations.made(claimed, &made).await? else {
            self.provider.delete(&made.id).await?;
            let text = "another process of the group was faster: a moment";
            return Err(Error::new(ErrorKind::Unavailable, text));
        };
        self.hook.trust(self.registrations.verifier(&kept)?);
        match self.provider.verify(&made.id).await {
            Ok(document) if document.state == ACTIVE => Ok(kept),
            Ok(document) => {
                self.provider.delete(&made.id).await?;
                Err(unwilling(&document))
            }
            Err(error) => {
                // The provider removes what was never verified; to say so is only faster.
                if let Err(error) = self.provider.delete(&made.id).await {
                    tracing::debug!(%error, "a subscription without consent was not ended");
                }
                Err(error)
            }
        }
    }

    /// Runs until it is dropped. `registered` is what [`register`](Self::register) gave, if it has.
    pub(super) async fn run(self, mut registered: Option<Registration>) {
        let (mut wait, mut asked) = (BACKOFF.0, Instant::now());
        loop {
            let done = match &registered {
                None => match self.register().await {
                    Ok(made) => {
                        registered = Some(made);
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                Some(known) => self
                    .look(known, &mut asked)
                    .await
                    .map(|now| registered = now),
            };
            match done {
                Ok(()) => {
                    wait = BACKOFF.0;
                    sleep(LOOK).await;
                }
                Err(error) => {
                    tracing::warn!(group = %self.asked.name, %error, "a webhook subscription is not as it should be; trying again");
                    let jitter = 0.5 + rand::random::<f64>();
                    sleep(wait.mul_f64(jitter)).await;
                    wait = (wait * 2).min(BACKOFF.1);
                }
            }
        }
    }

    /// Looks after a registration; `None` when it has to be made again.
    async fn look(
        &self,
        known: &Registration,
        asked: &mut Instant,
    ) -> Result<Option<Registration>> {
        let Some(mut kept) = self.registrations.read(&self.asked.name).await? else {
            return Ok(None);
        };
        let Some(id) = kept.id().map(str::to_owned) else {
            // Another process makes it.
            return Ok(None);
        };
        if known.id() != Some(&id) {
            self.hook.trust(self.registrations.verifier(&kept)?);
        }
        let own = self.place.hook(&self.hook_id).await?;
        if kept.sink().is_empty() {
            kept = self.take_over(kept, &id, &own).await?;
        }
        let now = self.clock.now();
        let half = self.provider.lease / 2;
        if until(kept.lease_until(), now) < half {
            match self.provider.renew(&id).await {
                Ok(renewed) => {
                    let until = Some(renewed.lease_expires_at);
                    kept = self
                        .registrations
                        .change(&kept, None, until)
                        .await?
                        .unwrap_or(kept);
                }
                Err(error) if is_gone(&error) => return self.lost().await,
                Err(error) => return Err(error),
            }
        }
        let missing = self.spool.missing_since();
        if missing.is_some_and(|since| until(now, since) > OVERTAKEN) {
            self.catch_up(&id).await?;
        }
        if asked.elapsed() >= ASK {
            *asked = Instant::now();
            match self.provider.read(&id).await {
                Ok(document) => kept = self.tend(kept, &document, &own).await?,
                Err(error) if is_gone(&error) => return self.lost().await,
                Err(error) => return Err(error),
            }
        }
        Ok(Some(kept))
    }

    /// Sees to it that what the provider could not deliver arrives after all, here.
    async fn tend(
        &self,
        mut kept: Registration,
        document: &Document,
        own: &str,
    ) -> Result<Registration> {
        let id = document.id.as_str();
        let retired = |key: &crate::wire::KeyDocument| key.retires_at.is_some();
        if document.keys.first().is_some_and(retired) || !self.knows(&kept, document) {
            let rotated = self.provider.rotate(id).await?;
            if let Some(now) = self.registrations.rotated(&kept, &rotated.keys).await? {
                kept = now;
                self.hook.trust(self.registrations.verifier(&kept)?);
            }
        }
        let failing = document.standing.failing_since.is_some();
        if failing && document.sink != own {
            kept = self.take_over(kept, id, own).await?;
        }
        if document.state == "disabled" {
            self.provider.resume(id).await?;
        }
        if failing || document.state == "disabled" {
            self.catch_up(id).await?;
        }
        Ok(kept)
    }

    /// Whether every key that signs is one of ours.
    fn knows(&self, kept: &Registration, document: &Document) -> bool {
        document
            .keys
            .iter()
            .all(|key| kept.keys().any(|known| known == key.kid))
    }

    async fn take_over(&self, kept: Registration, id: &str, own: &str) -> Result<Registration> {
        let Some(taken) = self.registrations.change(&kept, Some(own), None).await? else {
            // Another member was faster.
            return Ok(kept);
        };
        self.provider.move_to(id, own).await?;
        self.provider.verify(id).await?;
        Ok(taken)
    }

    /// The provider has forgotten the subscription: it is made again.
    async fn lost(&self) -> Result<Option<Registration>> {
        self.registrations.forget(&self.asked.name).await?;
        Ok(None)
    }

    /// Fetches what was not delivered.
    pub(super) async fn catch_up(&self, id: &str) -> Result<()> {
        for state in [
            DeliveryState::Ready,
            DeliveryState::Waiting,
            DeliveryState::Dead,
            DeliveryState::Parked,
        ] {
            let mut after = 0;
            loop {
                let page = self.provider.undelivered(id, state, after).await?;
                let mut taken = Vec::new();
                for delivery in page.deliveries {
                    after = delivery.sequence;
                    let Some(body) = delivery.body else { continue };
                    let body: bytes::Bytes = body.get().as_bytes().to_vec().into();
                    let event = CloudEvent::parse(&body)?;
                    match self.spool.take(&delivery.webhook_id, &event, &body).await {
                        Ok(()) => taken.push(delivery.sequence),
                        // It stays where it is, for whoever looks at it there.
                        Err(error) => {
                            tracing::warn!(%error, sequence = delivery.sequence, "an event that was fetched is not taken");
                        }
                    }
                }
                if !taken.is_empty() {
                    self.provider.acknowledge(id, taken).await?;
                }
                if !page.more {
                    break;
                }
            }
        }
        self.spool.caught_up();
        Ok(())
    }
}

/// The state in which events are delivered.
const ACTIVE: &str = "active";

fn unwilling(document: &Document) -> Error {
    let why = document.reason.as_deref().unwrap_or("nothing came back");
    Error::new(
        ErrorKind::Unavailable,
        format!(
            "the provider did not get the consent of {}: {why}; check listen, public_url and the provider's sinks",
            document.sink
        ),
    )
}

/// Whether the provider does not know the subscription any more.
fn is_gone(error: &Error) -> bool {
    error.kind() == ErrorKind::Unroutable
}
