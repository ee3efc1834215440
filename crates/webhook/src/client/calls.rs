//! Calls and commands: a signed request to the provider, and for a call a signed reply to a hook of ours.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::Timestamp;
use parking_lot::Mutex;
use polywire_core::cloudevent::CloudEvent;
use polywire_core::contract::Name;
use polywire_core::{
    Dispatched, Error, ErrorKind, Message, MessageId, Receipt, Reply, Result, Token,
};
use polywire_http::HttpTransport;
use tokio::sync::oneshot;

use super::hooks::{Hooks, Taker};
use super::place::Place;
use crate::clock::{Clock, until};
use crate::signature::{Signer, SigningKey, Verifier};
use crate::wire::{
    CALLER, CALLERS_PATH, CANCEL, Caller, NewCaller, REQUESTS_PATH, problem_of, read_reply,
    request_headers,
};

/// How many calls may wait for their replies at once.
const MAX_PENDING: usize = 65_536;
/// How often a registration that the provider has forgotten is made again for one request.
const ATTEMPTS: usize = 2;

/// The calls and commands of a consumer. One hook takes the replies of all, under one key that lives as long as this does.
pub(crate) struct Calls {
    http: Arc<HttpTransport>,
    hooks: Arc<Hooks>,
    place: Arc<Place>,
    clock: Arc<dyn Clock>,
    signer: Signer,
    secret: String,
    hook: String,
    pending: Arc<Pending>,
    /// By contract. The lock is held while one registers, so that many calls at once register once.
    callers: tokio::sync::Mutex<HashMap<Name, Registered>>,
}

#[derive(Clone)]
struct Registered {
    id: Arc<str>,
    renew_at: Timestamp,
}

/// Who waits for which reply.
#[derive(Debug, Default)]
struct Pending(Mutex<HashMap<String, Waiting>>);

#[derive(Debug)]
struct Waiting {
    contract: Name,
    reply: oneshot::Sender<Result<Reply>>,
}

#[async_trait]
impl Taker for Pending {
    async fn take(&self, _: &str, event: &CloudEvent<'_>, _: &Bytes) -> Result<()> {
        let Some(request) = &event.contractreplyto else {
            let text = format!("an event of type {:?} is no reply", event.kind);
            return Err(Error::new(ErrorKind::InvalidPayload, text));
        };
        let waiting = self.0.lock().remove(request);
        if let Some(Waiting { contract, reply }) = waiting {
            // Whoever waited may have gone meanwhile.
            let _ = reply.send(read_reply(&contract, event));
        }
        Ok(())
    }
}

impl Calls {
    pub(crate) fn new(
        http: Arc<HttpTransport>,
        hooks: Arc<Hooks>,
        place: Arc<Place>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let key = SigningKey::generate_hmac();
        let secret = key.expose().to_string();
        let pending = Arc::new(Pending::default());
        let hook = MessageId::random().to_string();
        hooks
            .open(&hook, pending.clone())
            .trust(Verifier::new(vec![key.verifying()])?);
        Ok(Self {
            http,
            hooks,
            place,
            clock,
            signer: Signer::new(vec![key])?,
            secret,
            hook,
            pending,
            callers: tokio::sync::Mutex::default(),
        })
    }

    /// # Cancel safety
    /// When the future is dropped the provider is told that nobody waits any more.
    pub(crate) async fn call(self: &Arc<Self>, message: Message) -> Result<Reply> {
        let request = MessageId::random().to_string();
        let (reply, replied) = oneshot::channel();
        let contract = message.head.contract.clone();
        {
            let mut pending = self.pending.0.lock();
            if pending.len() >= MAX_PENDING {
                let text = format!("{MAX_PENDING} calls wait for their replies, the maximum");
                return Err(Error::new(ErrorKind::Overloaded, text).dispatched_as(Dispatched::No));
            }
            pending.insert(request.clone(), Waiting { contract, reply });
        }
        let mut waiting = Waits {
            calls: self,
            request,
            contract: message.head.contract.clone(),
            taken: false,
        };
        self.ask(&message, &waiting.request, &mut waiting.taken)
            .await?;
        let replied = replied.await;
        waiting.taken = false;
        replied.map_err(|_| {
            Error::new(ErrorKind::Closed, "the channel is closed").dispatched_as(Dispatched::Maybe)
        })?
    }

    pub(crate) async fn send(&self, message: Message) -> Result<Receipt> {
        let id = message.head.id.clone();
        // Sent again under the same id, a command is recognised by what keeps it, not by its signature.
        let request = MessageId::random().to_string();
        let answer = self.ask(&message, &request, &mut false).await?;
        let event = CloudEvent::parse(&answer)?;
        let stamp = event.stamp(&message.head.contract)?;
        Ok(Receipt::new(id, stamp.map(Arc::new)))
    }

    /// Posts a request until it is taken or refused. `taken` says whether it may have been.
    async fn ask(&self, message: &Message, request: &str, taken: &mut bool) -> Result<Bytes> {
        let head = &message.head;
        if head.requirement.is_none() {
            let text = format!(
                "no version required of contract {:?}: state a range such as ^1.2",
                head.contract.as_str()
            );
            return Err(Error::new(ErrorKind::InvalidPayload, text).dispatched_as(Dispatched::No));
        }
        let mut attempt = 1;
        loop {
            let caller = self.caller(&head.contract, head.token.as_ref()).await?;
            let body = Bytes::from(CloudEvent::of(head, &message.body).to_json()?);
            *taken = true;
            let posted = self
                .post(
                    &caller.id,
                    request,
                    body,
                    head.token.as_ref(),
                    head.attempt > 1,
                )
                .await;
            let answer = match posted {
                Ok(answer) => answer,
                Err(error) => {
                    *taken = error.dispatched() != Dispatched::No;
                    return Err(error);
                }
            };
            if answer.status() == StatusCode::ACCEPTED {
                return Ok(answer.into_body());
            }
            *taken = false;
            let unknown = answer.headers().contains_key(CALLER);
            if unknown {
                self.forget(&head.contract, &caller.id).await;
                if attempt < ATTEMPTS {
                    attempt += 1;
                    continue;
                }
            }
            return Err(problem_of(answer.body()));
        }
    }

    async fn post(
        &self,
        caller: &str,
        request: &str,
        body: Bytes,
        token: Option<&Token>,
        elsewhere: bool,
    ) -> Result<http::Response<Bytes>> {
        let signed = self
            .signer
            .sign(request, self.clock.now(), &body)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        let headers = request_headers(&signed, caller, token)?;
        self.http
            .request(Method::POST, REQUESTS_PATH, headers, body, elsewhere)
            .await
    }

    /// The registration for a contract, made if there is none or it ends soon.
    async fn caller(&self, contract: &Name, token: Option<&Token>) -> Result<Registered> {
        let mut callers = self.callers.lock().await;
        let now = self.clock.now();
        if let Some(known) = callers.get(contract).filter(|known| now < known.renew_at) {
            return Ok(known.clone());
        }
        let new = NewCaller {
            contract: contract.clone(),
            sink: self.place.hook(&self.hook).await?,
            secret: self.secret.clone(),
        };
        let answer = self.place.post(CALLERS_PATH, &new, token).await?;
        if answer.status() != StatusCode::CREATED {
            let error = problem_of(answer.body());
            return Err(match error.dispatched() {
                // The request itself was not even sent.
                Dispatched::Maybe => error.dispatched_as(Dispatched::No),
                _ => error,
            });
        }
        let made: Caller = serde_json::from_slice(answer.body()).map_err(|error| {
            let text = format!("the answer to a registration cannot be read: {error}");
            Error::new(ErrorKind::Integrity, text).dispatched_as(Dispatched::No)
        })?;
        let half: Duration = until(made.lease_expires_at, now) / 2;
        let registered = Registered {
            id: made.id.into(),
            renew_at: crate::clock::later(now, half),
        };
        callers.insert(contract.clone(), registered.clone());
        Ok(registered)
    }

    /// Forgets a registration that the provider does not know, unless it was made again meanwhile.
    async fn forget(&self, contract: &Name, id: &str) {
        let mut callers = self.callers.lock().await;
        if callers.get(contract).is_some_and(|known| &*known.id == id) {
            callers.remove(contract);
        }
    }

    /// Tells the provider that nobody waits for a reply.
    fn cancel(self: &Arc<Self>, contract: Name, request: String) {
        let calls = self.clone();
        tokio::spawn(async move {
            let caller = calls.callers.lock().await.get(&contract).cloned();
            let Some(caller) = caller else { return };
            let mut event = CloudEvent {
                specversion: "1.0".to_owned(),
                id: MessageId::random().to_string(),
                source: format!("/{contract}"),
                kind: CANCEL.to_owned(),
                contractreplyto: Some(request),
                ..CloudEvent::default()
            };
            event.attempt = 1;
            let Ok(body) = event.to_json() else { return };
            let id = event.id.clone();
            // A handler that is not told runs into its deadline.
            if let Err(error) = calls.post(&caller.id, &id, body.into(), None, false).await {
                tracing::debug!(%error, "the provider was not told that a call was given up");
            }
        });
    }

    /// Ends every call that waits.
    pub(crate) fn close(&self) {
        self.hooks.close(&self.hook);
        self.pending.0.lock().clear();
    }
}

/// Somebody who waits for a reply; gone, the provider is told.
struct Waits<'a> {
    calls: &'a Arc<Calls>,
    request: String,
    contract: Name,
    /// The provider has the request, or may have it.
    taken: bool,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.calls.pending.0.lock().remove(&self.request);
        if self.taken {
            let request = std::mem::take(&mut self.request);
            self.calls.cancel(self.contract.clone(), request);
        }
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("hook", &self.hook)
            .finish_non_exhaustive()
    }
}
