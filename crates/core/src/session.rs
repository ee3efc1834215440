//! The negotiated handle: a channel, a requirement and policies. The only thing that sends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use polywire_contract::{
    Contract, Interaction, Name, Offer, Offered, Requirement, Retry, Version, negotiate,
};
use rand::RngExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::admission::too_large;
use crate::channel::{Channel, Subscription};
use crate::codec;
use crate::error::{CallError, Dispatched, Error, ErrorKind, Result};
use crate::history::{Change, History};
use crate::message::{Head, Kind, Message, Outcome, Receipt, Reply, Token};
use crate::options::CallOptions;
use crate::stamp::Stamp;
use crate::subscriber::{Group, Subscriber};

/// What holds for every message of a session unless its options say otherwise.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How long a caller waits.
    pub timeout: Duration,
    /// How often a call is tried again at another replica when one refuses what another offered lately.
    pub skew_retries: u32,
    /// The token to send when the options name none.
    pub token: Option<Token>,
    /// How many deliveries a subscriber may hold unsettled.
    pub prefetch: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            skew_retries: 5,
            token: None,
            prefetch: 64,
        }
    }
}

/// The negotiated handle on a contract. Generated clients sit on it; cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Session {
    inner: Arc<Inner>,
    options: Option<Arc<CallOptions>>,
}

#[derive(Debug)]
struct Inner {
    channel: Arc<dyn Channel>,
    contract: Arc<Contract>,
    requirement: Requirement,
    policy: Policy,
    history: History,
}

/// How long what a provider lacked is taken for still lacking, before it is asked again.
const STALE: Duration = Duration::from_secs(1);
/// The first pause before another replica is tried; it doubles, with jitter.
const SKEW_PAUSE: Duration = Duration::from_millis(5);

impl Session {
    /// A session over a channel for what a client was generated from. Does not wait for a provider.
    ///
    /// # Errors
    /// `Config` when the requirement names another contract than the client's.
    pub fn new(
        channel: Arc<dyn Channel>,
        contract: Arc<Contract>,
        requirement: Requirement,
        policy: Policy,
    ) -> Result<Self> {
        if requirement.contract() != contract.name() {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "the client was generated from contract {:?} and is configured for {:?}",
                    contract.name().as_str(),
                    requirement.contract().as_str()
                ),
            ));
        }
        let requirement = requirement.with_known(contract.version().clone(), contract.digest());
        let inner = Inner {
            channel,
            contract,
            requirement,
            policy,
            history: History::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
            options: None,
        })
    }

    /// The same session with options for what is sent through it.
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self {
            inner: self.inner.clone(),
            options: Some(Arc::new(options)),
        }
    }

    /// The channel underneath.
    #[must_use]
    pub fn channel(&self) -> &Arc<dyn Channel> {
        &self.inner.channel
    }

    /// What is required.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        &self.inner.requirement
    }

    /// The agreement of the latest reply; `None` before the first.
    #[must_use]
    pub fn agreement(&self) -> Option<Arc<Stamp>> {
        self.inner.history.last()
    }

    /// Whether the version spoken lately has an interaction; `None` when nothing was heard yet.
    #[must_use]
    pub fn supports(&self, interaction: &str) -> Option<bool> {
        let version = &self.agreement()?.version;
        Some(
            self.inner
                .contract
                .find(interaction)
                .is_some_and(|found| found.exists_at(version)),
        )
    }

    /// The changes of agreement from now on. A listener that lags behind misses the oldest.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.inner.history.subscribe()
    }

    /// A typed call. Called by generated clients.
    ///
    /// # Errors
    /// The application's typed error, or why there is no answer of it.
    pub async fn request<Q, R, E>(
        &self,
        operation: Name,
        request: &Q,
    ) -> std::result::Result<R, CallError<E>>
    where
        Q: Serialize + Sync,
        R: DeserializeOwned,
        E: DeserializeOwned,
    {
        let reply = self
            .call(operation.clone(), codec::encode(request)?)
            .await?;
        match reply.outcome {
            Outcome::Done => codec::decode(&reply.body)
                .map_err(|error| CallError::Wire(self.misfit(&operation, &reply.stamp, &error))),
            Outcome::Failed { .. } => match codec::decode(&reply.body) {
                Ok(error) => Err(CallError::App(error)),
                Err(error) => Err(CallError::Wire(self.misfit(
                    &operation,
                    &reply.stamp,
                    &error,
                ))),
            },
        }
    }

    /// A call of encoded bytes.
    ///
    /// # Errors
    /// Why there is no answer of the application: see [`ErrorKind`].
    ///
    /// # Cancel safety
    /// Dropping the future cancels the handler, as far as the transport can tell it.
    pub async fn call(&self, operation: Name, body: Bytes) -> Result<Reply> {
        let head = self.head(Kind::Operation, operation)?;
        let (what, interaction, deadline) = ("call", head.interaction.clone(), head.deadline);
        let message = self.bounded(head, body)?;
        let result = self
            .persist(message, deadline, |message| {
                self.inner.channel.call(message)
            })
            .await;
        let reply = result.map_err(|error| self.name(error, what, &interaction))?;
        self.verify(&reply.stamp)
            .map_err(|error| self.name(error, what, &interaction))?;
        Ok(reply)
    }

    /// A typed command; returns when the transport has taken responsibility. Called by generated clients.
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub async fn command<C: Serialize + Sync>(
        &self,
        command: Name,
        payload: &C,
    ) -> Result<Receipt> {
        self.send(command, codec::encode(payload)?).await
    }

    /// A command of encoded bytes.
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub async fn send(&self, command: Name, body: Bytes) -> Result<Receipt> {
        let head = self.head(Kind::Command, command)?;
        let (what, interaction, deadline) = ("send", head.interaction.clone(), head.deadline);
        let message = self.bounded(head, body)?;
        let result = self
            .persist(message, deadline, |message| {
                self.inner.channel.send(message)
            })
            .await;
        let receipt = result.map_err(|error| self.name(error, what, &interaction))?;
        if let Some(stamp) = &receipt.stamp {
            self.verify(stamp)
                .map_err(|error| self.name(error, what, &interaction))?;
        }
        Ok(receipt)
    }

    /// Joins a group of an event. Called by generated clients.
    ///
    /// # Errors
    /// As [`Channel::subscribe`]; `Config` for a group's name that is none.
    pub async fn subscribe<T: DeserializeOwned>(
        &self,
        event: Name,
        group: impl Into<Group> + Send,
    ) -> Result<Subscriber<T>> {
        let subscription = Subscription {
            contract: self.inner.contract.name().clone(),
            event: event.clone(),
            group: group.into().name()?,
            requirement: self.inner.requirement.clone(),
            prefetch: self.inner.policy.prefetch,
        };
        let deliveries = self
            .inner
            .channel
            .subscribe(subscription)
            .await
            .map_err(|error| self.name(error, "subscribe", &event))?;
        Ok(Subscriber::new(
            deliveries,
            self.inner.requirement.clone(),
            self.inner.contract.clone(),
        ))
    }

    fn head(&self, kind: Kind, interaction: Name) -> Result<Head> {
        let mut head = Head::new(kind, self.inner.contract.name().clone(), interaction);
        let declared = self.inner.contract.find(&head.interaction);
        if let Some(declared) = declared {
            head.idempotent = declared.idempotent;
            if declared.since.is_some() {
                self.refuse_early(declared)?;
            }
        }
        match &self.options {
            Some(options) => options.apply(
                &mut head,
                self.inner.policy.timeout,
                self.inner.policy.token.as_ref(),
            ),
            None => CallOptions::default().apply(
                &mut head,
                self.inner.policy.timeout,
                self.inner.policy.token.as_ref(),
            ),
        }
        head.requirement = Some(self.inner.requirement.clone());
        Ok(head)
    }

    /// An operation newer than the version agreed a moment ago fails here, without asking again.
    fn refuse_early(&self, declared: &Interaction) -> Result<()> {
        let Some(offered) = self.inner.history.offered_within(STALE) else {
            return Ok(());
        };
        if offered
            .iter()
            .any(|version| self.inner.requirement.accepts(version) && declared.exists_at(version))
        {
            return Ok(());
        }
        let versions = offered
            .iter()
            .map(|version| self.assumed(version))
            .collect();
        let Ok(offer) = Offer::new(self.inner.contract.name().clone(), versions) else {
            return Ok(());
        };
        let requirement = self.inner.requirement.clone().using(declared.name.clone());
        match negotiate(&requirement, &offer) {
            Ok(_) => Ok(()),
            Err(no_match) => Err(self.name(Error::from(no_match), "call", &declared.name)),
        }
    }

    /// A version of the far side, with the interactions that our own contract says it must have.
    fn assumed(&self, version: &Version) -> Offered {
        let existing = self
            .inner
            .contract
            .interactions()
            .iter()
            .filter(|interaction| interaction.exists_at(version));
        let interactions = existing
            .map(|interaction| interaction.name.clone())
            .collect();
        let own = self.inner.contract.offered();
        Offered {
            version: version.clone(),
            interactions: Some(interactions),
            ..own
        }
    }

    fn bounded(&self, head: Head, body: Bytes) -> Result<Message> {
        let limit = self.inner.channel.capability().max_payload;
        if body.len() > limit {
            return Err(self.name(too_large(body.len(), limit), "send", &head.interaction));
        }
        Ok(Message { head, body })
    }

    /// Tries, and tries other replicas while a deployment is under way, until the deadline.
    async fn persist<T, F>(
        &self,
        mut message: Message,
        deadline: Option<Instant>,
        attempt: impl Fn(Message) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let deadline = deadline.unwrap_or_else(|| crate::options::after(self.inner.policy.timeout));
        let mut refusals = Vec::new();
        loop {
            let error = match timeout_at(deadline, attempt(message.clone())).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(error)) => error,
                Err(_) => {
                    return Err(Error::new(
                        ErrorKind::DeadlineExceeded,
                        "no answer before the deadline; the handler may have run",
                    ));
                }
            };
            let Some(no_match) = error.no_match() else {
                return Err(error);
            };
            let skew = self
                .inner
                .history
                .note_refusal(no_match, &self.inner.requirement);
            let instance = no_match.instance.clone();
            let exhausted = message.head.attempt > self.inner.policy.skew_retries;
            // Without a sign of another replica, one more try finds out whether there is one.
            let alone = !skew && (instance.is_none() || refusals.contains(&instance));
            let other_replica =
                error.retry() == Retry::OtherReplica && error.dispatched() == Dispatched::No;
            if !other_replica || alone || exhausted {
                return Err(settle_refusal(error, &refusals, instance));
            }
            refusals.push(instance);
            let pause = SKEW_PAUSE * 2_u32.pow(message.head.attempt.min(6) - 1);
            let until = Instant::now() + pause.mul_f64(rand::rng().random_range(0.5..1.5));
            if until >= deadline {
                return Err(error);
            }
            sleep_until(until).await;
            message.head.attempt += 1;
        }
    }

    fn verify(&self, stamp: &Arc<Stamp>) -> Result<()> {
        if self.inner.history.is_last(stamp) {
            return Ok(());
        }
        check_stamp(stamp, &self.inner.requirement, &self.inner.contract)?;
        self.inner.history.note(stamp);
        Ok(())
    }

    fn misfit(&self, operation: &Name, stamp: &Stamp, error: &Error) -> Error {
        let text = format!(
            "the answer at version {} does not fit the client's {}: {}",
            stamp.version,
            self.inner.contract.version(),
            error.message()
        );
        let misfit = Error::new(ErrorKind::Integrity, text).dispatched_as(Dispatched::Yes);
        self.name(misfit, "call", operation)
    }

    fn name(&self, error: Error, what: &'static str, interaction: &Name) -> Error {
        error.attempting(format!(
            "{what} {}.{interaction}",
            self.inner.contract.name()
        ))
    }
}

/// The refusal after other replicas were tried: it names them, and says to come back later.
fn settle_refusal(error: Error, refusals: &[Option<String>], last: Option<String>) -> Error {
    if refusals.is_empty() {
        return error;
    }
    let mut instances: Vec<String> = refusals.iter().cloned().chain([last]).flatten().collect();
    instances.sort();
    instances.dedup();
    error
        .retry_as(Retry::Later)
        .with("refused by", instances.join(", "))
}

/// Checks what a far side says it spoke: inside the requirement, and one version with one contract.
///
/// # Errors
/// `Integrity`, naming both sides.
pub(crate) fn check_stamp(stamp: &Stamp, requirement: &Requirement, own: &Contract) -> Result<()> {
    if stamp.contract != *requirement.contract() || !requirement.accepts(&stamp.version) {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!(
                "answered as {} {}, which {} {} does not allow",
                stamp.contract,
                stamp.version,
                requirement.contract(),
                requirement.list_text()
            ),
        )
        .dispatched_as(Dispatched::Yes));
    }
    let same = stamp.version.cmp_precedence(own.version()) == std::cmp::Ordering::Equal;
    match stamp.digest {
        Some(digest) if same && digest != own.digest() => Err(Error::new(
            ErrorKind::Integrity,
            format!(
                "{} {} means two contracts: the far side's is {digest}, ours {}; give the changed one a new version",
                stamp.contract,
                stamp.version,
                own.digest()
            ),
        )
        .dispatched_as(Dispatched::Yes)),
        _ => Ok(()),
    }
}
