//! The negotiated handle: a channel, a requirement and policies. The only thing that sends.

mod skew;
pub(crate) mod verify;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use polywire_contract::{Contract, Interaction, Name, Requirement};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast;

use crate::admission::too_large;
use crate::channel::{Channel, Subscription};
use crate::codec;
use crate::error::{CallError, Dispatched, Error, ErrorKind, Result};
use crate::history::{Change, History};
use crate::message::{Head, Kind, Outcome, Receipt, Reply, Token};
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
        let reply = self.ask(&operation, codec::encode_brief(request)?).await?;
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
        self.ask(&operation, body).await
    }

    /// A call whose operation's name is borrowed, so that the futures of typed calls hold it once.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn holds what it is given twice"
    )]
    fn ask(&self, operation: &Name, body: Bytes) -> impl Future<Output = Result<Reply>> + Send {
        async move {
            let attempt = |message| self.inner.channel.call(message);
            self.persist(Kind::Operation, operation, body, attempt)
                .await
                .and_then(|reply| {
                    self.verify(&reply.stamp)?;
                    let limit = self.inner.channel.capability().max_payload;
                    if reply.body.len() > limit {
                        let error = too_large(reply.body.len(), limit);
                        return Err(error.dispatched_as(Dispatched::Yes));
                    }
                    Ok(reply)
                })
                .map_err(|error| self.name(error, "call", operation))
        }
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
        let result = self
            .persist(Kind::Command, &command, body, |message| {
                self.inner.channel.send(message)
            })
            .await
            .and_then(|receipt| {
                if let Some(stamp) = &receipt.stamp {
                    self.verify(stamp)?;
                }
                Ok(receipt)
            });
        result.map_err(|error| self.name(error, "send", &command))
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
            token: self.token().cloned(),
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

    fn token(&self) -> Option<&Token> {
        let own = self
            .options
            .as_ref()
            .and_then(|options| options.own_token());
        own.or(self.inner.policy.token.as_ref())
    }

    /// A head for a message, as the options and the policy say.
    fn head(&self, kind: Kind, interaction: &Name, idempotent: bool) -> Box<Head> {
        let options = CallOptions::or_none(self.options.as_deref());
        let (contract, policy) = (self.inner.contract.name().clone(), &self.inner.policy);
        let id = options.message_id();
        let mut head = Box::new(Head::with_id(id, kind, contract, interaction.clone()));
        options.apply(&mut head, policy.timeout, policy.token.as_ref());
        head.idempotent = idempotent;
        head.requirement = Some(self.inner.requirement.clone());
        head
    }

    /// Whether a payload may be sent to an interaction, as far as that is known here.
    fn check(&self, declared: Option<&Interaction>, body: &Bytes) -> Result<()> {
        if let Some(declared) = declared
            && declared.since.is_some()
        {
            self.refuse_early(declared)?;
        }
        let limit = self.inner.channel.capability().max_payload;
        if body.len() > limit {
            return Err(too_large(body.len(), limit));
        }
        Ok(())
    }

    fn name(&self, error: Error, what: &'static str, interaction: &Name) -> Error {
        error.attempting(format!(
            "{what} {}.{interaction}",
            self.inner.contract.name()
        ))
    }
}
