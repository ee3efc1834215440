//! Whether a sink wants what it is sent.
//!
//! Both questions of [`consent`](crate::consent) are asked again a few times, then not before somebody asks for it.

mod apply;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use polywire_core::{Error, ErrorKind};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::reply::{Answered, Refusal, set};
use super::{Inner, Server};
use crate::consent::{Questions, Refused, SignedChallenge};
use crate::guard::Target;
use crate::record::{Subscription, SubscriptionId};
use crate::wire::SUBSCRIPTION;

/// How many are asked, or remembered to have been asked in vain.
const MOST: usize = 10_000;
/// How many are asked at once.
const AT_ONCE: usize = 64;

/// Who is being asked, and why who was asked did not consent.
pub(super) struct Consents {
    asked: Mutex<HashMap<SubscriptionId, Asking>>,
    places: Arc<Semaphore>,
}

struct Asking {
    /// What it is asked for.
    revision: u64,
    begun: Instant,
    outcome: watch::Receiver<Outcome>,
    task: AbortHandle,
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing yet, or nothing good so far.
    Asking(Option<&'static str>),
    /// The sink wants it.
    Given,
    /// Not in any of the attempts.
    Refused(&'static str),
}

impl Default for Consents {
    fn default() -> Self {
        Self {
            asked: Mutex::default(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Consents {
    /// Why a sink has not consented so far.
    pub(super) fn reason(&self, id: &SubscriptionId) -> Option<&'static str> {
        match *self.asked.lock().get(id)?.outcome.borrow() {
            Outcome::Asking(reason) => reason,
            Outcome::Given => None,
            Outcome::Refused(reason) => Some(reason),
        }
    }

    /// Asks no more.
    pub(super) fn forget(&self, id: &SubscriptionId) {
        if let Some(asking) = self.asked.lock().remove(id) {
            asking.task.abort();
        }
    }

    /// Makes room for one more.
    fn room(&self) -> Result<(), Error> {
        let mut asked = self.asked.lock();
        if asked.len() >= MOST {
            asked.retain(|_, asking| !asking.task.is_finished());
        }
        if asked.len() < MOST {
            return Ok(());
        }
        let text = format!("{MOST} sinks are being asked for their consent: retry later");
        Err(Error::new(ErrorKind::Overloaded, text))
    }

    /// What comes of asking for the same that is under way already.
    fn under_way(&self, of: &Subscription) -> Option<watch::Receiver<Outcome>> {
        let asked = self.asked.lock();
        let asking = asked.get(&of.id)?;
        let same = asking.revision == of.revision && !asking.task.is_finished();
        same.then(|| asking.outcome.clone())
    }

    /// When a sink may be asked anew.
    fn next(&self, id: &SubscriptionId, pause: Duration) -> Option<Instant> {
        self.asked.lock().get(id).map(|asking| asking.begun + pause)
    }

    fn begun(&self, id: &SubscriptionId, asking: Asking) {
        if let Some(before) = self.asked.lock().insert(id.clone(), asking) {
            before.task.abort();
        }
    }
}

impl Server {
    /// Asks a sink for its consent to what the subscription is, or is to be, and waits for the outcome as long as it is told.
    pub(super) async fn consented(
        &self,
        subscription: Subscription,
        wait: Option<Duration>,
    ) -> Answered<Subscription> {
        let id = subscription.id.clone();
        let outcome = self.begin(&subscription)?;
        let (Some(wait), Some(mut outcome)) = (wait, outcome) else {
            return Ok(subscription);
        };
        let ended = outcome.wait_for(|outcome| !matches!(outcome, Outcome::Asking(_)));
        // Whether it came to an end, or somebody else asks anew: what the store has now is what it is.
        let _ = timeout(wait, ended).await;
        let found = self.inner().store.subscription(&id).await?;
        found.ok_or_else(Refusal::absent)
    }

    /// Begins to ask; `None` when this server has ended: another replica, or this one when it is back, is asked for it.
    fn begin(&self, subscription: &Subscription) -> Answered<Option<watch::Receiver<Outcome>>> {
        let consents = &self.inner().consents;
        if let Some(outcome) = consents.under_way(subscription) {
            return Ok(Some(outcome));
        }
        consents.room()?;
        let id = &subscription.id;
        let start = consents.next(id, self.inner().options.consent_pause);
        let (tell, outcome) = watch::channel(Outcome::Asking(None));
        let task = self.spawn(ask(self.inner().clone(), id.clone(), start, tell));
        let Some(task) = task else {
            return Ok(None);
        };
        let begun = start.map_or_else(Instant::now, |start| start.max(Instant::now()));
        let asking = Asking {
            revision: subscription.revision,
            begun,
            outcome: outcome.clone(),
            task,
        };
        consents.begun(id, asking);
        Ok(Some(outcome))
    }
}

/// Asks until the sink consents or nothing is left to try.
async fn ask(
    inner: Arc<Inner>,
    id: SubscriptionId,
    start: Option<Instant>,
    tell: watch::Sender<Outcome>,
) {
    if let Some(start) = start {
        sleep_until(start).await;
    }
    let mut reason = UNREACHABLE;
    let waits = [Duration::ZERO]
        .into_iter()
        .chain(inner.options.consent_retries.clone());
    for wait in waits {
        sleep(wait).await;
        let Ok(_place) = inner.consents.places.clone().acquire_owned().await else {
            return;
        };
        match inner.attempt(&id).await {
            Ok(()) => {
                tell.send_replace(Outcome::Given);
                return;
            }
            Err(why) => {
                tracing::debug!(subscription = %id, why, "the sink has not consented");
                reason = why;
                tell.send_replace(Outcome::Asking(Some(why)));
            }
        }
    }
    tell.send_replace(Outcome::Refused(reason));
}

/// What is said of a sink that was not reached, whatever the reason: answers would map the network.
const UNREACHABLE: &str = "sink-unreachable";
/// It answered the handshake without saying that it wants anything.
const NO_CONSENT: &str = "handshake-refused";
/// It did not send the challenge back.
const NO_ECHO: &str = "challenge-refused";
/// This provider could not ask.
const NOT_ASKED: &str = "provider-failed";

impl Inner {
    /// Asks once, and carries out what the sink consented to.
    async fn attempt(&self, id: &SubscriptionId) -> Result<(), &'static str> {
        let failed = |error: Error| {
            tracing::warn!(subscription = %id, %error, "a sink could not be asked for its consent");
            NOT_ASKED
        };
        let found = self.store.subscription(id).await.map_err(failed)?;
        let Some(subscription) = found else {
            return Err(NOT_ASKED);
        };
        let candidate = apply::Candidate::of(&subscription);
        let target = self
            .sender
            .target(&candidate.sink)
            .map_err(|_| UNREACHABLE)?;
        let origin = HeaderValue::from_str(&self.options.origin).map_err(|_| NOT_ASKED)?;
        let questions = self.questions(&subscription, &candidate, &target, &origin);
        let rate = subscription.terms.rate.map(|rate| rate.per_minute);
        let allowed = questions.handshake(rate).await.map_err(code)?;
        let signer = self.candidate_signer(&subscription).map_err(failed)?;
        let source = format!("/{}", subscription.terms.contract());
        let version = Some(candidate.version.clone());
        let challenge =
            SignedChallenge::new(source, version, &signer, self.now()).map_err(failed)?;
        questions.challenge(challenge).await.map_err(code)?;
        self.apply(subscription, &candidate, allowed)
            .await
            .map_err(failed)
    }

    fn questions<'a>(
        &'a self,
        subscription: &Subscription,
        candidate: &apply::Candidate,
        target: &'a Target,
        origin: &'a HeaderValue,
    ) -> Questions<'a> {
        let mut headers = HeaderMap::new();
        let version = HeaderName::from_static("contract-version");
        set(&mut headers, version, &candidate.version.to_string());
        set(&mut headers, SUBSCRIPTION, subscription.id.as_str());
        Questions {
            sender: &self.sender,
            target,
            origin,
            headers,
            deadline: self.options.consent_deadline,
        }
    }
}

/// What is told of a refusal.
fn code(refused: Refused) -> &'static str {
    match refused {
        Refused::Unreached(_) => UNREACHABLE,
        Refused::Handshake(_) => NO_CONSENT,
        Refused::Challenge(_) => NO_ECHO,
    }
}
