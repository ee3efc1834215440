//! Calls and commands of registered callers: verified, admitted, and answered to the caller's hook.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use parking_lot::Mutex;
use polywire_core::cloudevent::{self, CloudEvent};
use polywire_core::contract::{Name, Retry};
use polywire_core::{
    Admission, Dispatched, Error, ErrorKind, Head, Kind, Message, Result, Service, Stamp, too_large,
};
use quick_cache::sync::Cache;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use super::callers::{Callers, Known};
use super::commands::Commands;
use super::replies::Replies;
use crate::clock::Clock;
use crate::deliver::Sender;
use crate::inbox::{Inbox, Put};
use crate::signature::SignatureHeaders;
use crate::wire::{CALLER, CANCEL, SUBSCRIPTION, arrived, kind_of, respond};

/// How many requests are remembered, so that nobody sends one again that was overheard. The window of time in which a
/// signature is good bounds how long that matters.
const REMEMBERED: usize = 100_000;
/// What takes the requests of callers.
pub(crate) struct Requests {
    callers: Arc<Callers>,
    inbox: Inbox,
    replies: Replies,
    clock: Arc<dyn Clock>,
    services: ArcSwap<BTreeMap<Name, Arc<Served>>>,
    running: Arc<Mutex<HashMap<Running, AbortHandle>>>,
    seen: Cache<Running, ()>,
}

/// A caller's request.
type Running = (Arc<str>, String);

/// A contract whose requests are taken.
struct Served {
    service: Arc<Service>,
    commands: Arc<Commands>,
    /// The calls under way.
    tasks: TaskTracker,
}

impl Requests {
    pub(crate) fn new(
        callers: Arc<Callers>,
        inbox: Inbox,
        sender: Sender,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            callers,
            inbox,
            replies: Replies::new(sender, clock.clone()),
            clock,
            services: ArcSwap::default(),
            running: Arc::default(),
            seen: Cache::new(REMEMBERED),
        }
    }

    /// Takes requests for a contract from now on.
    pub(crate) fn serve(&self, service: Arc<Service>, commands: Arc<Commands>) {
        let served = Arc::new(Served {
            service,
            commands,
            tasks: TaskTracker::new(),
        });
        self.services.rcu(|services| {
            let mut services = BTreeMap::clone(services);
            services.insert(served.service.name().clone(), served.clone());
            services
        });
    }

    /// The service of a contract, if it is served.
    pub(crate) fn service(&self, contract: &Name) -> Result<Arc<Service>> {
        Ok(self.served(contract)?.service.clone())
    }

    /// Waits until every call of a contract that was taken has been answered.
    pub(crate) async fn finish(&self, contract: &Name) {
        let served = self.services.load().get(contract).cloned();
        if let Some(served) = served {
            served.tasks.close();
            served.tasks.wait().await;
        }
    }

    /// Takes nothing more for a contract.
    pub(crate) fn forget(&self, contract: &Name) {
        self.services.rcu(|services| {
            let mut services = BTreeMap::clone(services);
            services.remove(contract);
            services
        });
    }

    /// Ends every call; its caller is told, if that is soon done.
    pub(crate) async fn close(&self) {
        self.replies.close().await;
        for (_, running) in self.running.lock().drain() {
            running.abort();
        }
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        if *request.method() != Method::POST {
            let error = Error::new(ErrorKind::Unsupported, "requests are posted");
            return respond::problem_as(StatusCode::METHOD_NOT_ALLOWED, &error);
        }
        match self.take(request).await {
            Ok(Taken::Yes(stamp, head)) => accepted(&stamp, &head),
            Ok(Taken::Cancelled) => respond::empty(StatusCode::ACCEPTED),
            Ok(Taken::Stranger) => {
                let error = Error::new(
                    ErrorKind::Unauthenticated,
                    "no caller of ours has signed this: register, and check the key and the clock",
                )
                .dispatched_as(Dispatched::No);
                let mut response = respond::problem(&error);
                response
                    .headers_mut()
                    .insert(CALLER, HeaderValue::from_static("unknown"));
                response
            }
            Err(error) => respond::problem(&error),
        }
    }

    async fn take(&self, request: &Request<Bytes>) -> Result<Taken> {
        let (headers, body) = (request.headers(), request.body());
        let signature =
            SignatureHeaders::of(headers).map_err(|error| invalid(error.to_string()))?;
        let id = headers
            .get(SUBSCRIPTION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let Some(caller) = self.callers.find(id).await? else {
            return Ok(Taken::Stranger);
        };
        let verified = caller.verifier.verify(&signature, body, self.clock.now());
        if let Err(error) = verified {
            tracing::debug!(%error, "a request was refused");
            return Ok(Taken::Stranger);
        }
        let event = CloudEvent::parse(body)?;
        let key = (caller.id.clone(), signature.id().to_owned());
        if event.kind == CANCEL {
            let of = (caller.id.clone(), event.contractreplyto.unwrap_or_default());
            if let Some(running) = self.running.lock().remove(&of) {
                running.abort();
            }
            return Ok(Taken::Cancelled);
        }
        if self.seen.get(&key).is_some() {
            return Err(invalid("this request was sent before"));
        }
        let (contract, kind) = (event.contract()?, kind_of(&event));
        let (Some(kind), Some(interaction)) = (kind, event.contractinteraction.clone()) else {
            return Err(invalid(
                "a request names what it is: contractkind \"operation\" or \"command\", and contractinteraction",
            ));
        };
        let served = self.served(&contract)?;
        let mut head = event.head(kind, &contract, &interaction)?;
        head.token = match headers.get(AUTHORIZATION) {
            Some(value) => polywire_http::token(value)?,
            None => None,
        };
        let admission = served.service.admit(head)?;
        let body = event.body()?;
        if body.len() > admission.max_payload() {
            let error = too_large(body.len(), admission.max_payload());
            return Err(error.dispatched_as(Dispatched::No));
        }
        self.seen.insert(key.clone(), ());
        let taken = Taken::Yes(
            admission.stamp().clone(),
            Box::new(admission.context().head().clone()),
        );
        if kind == Kind::Command {
            self.keep(&served, admission, body).await?;
        } else {
            self.run(&served, caller, key, admission, body);
        }
        Ok(taken)
    }

    fn served(&self, contract: &Name) -> Result<Arc<Served>> {
        let services = self.services.load();
        services.get(contract).cloned().ok_or_else(|| {
            let names: Vec<&str> = services.keys().map(Name::as_str).collect();
            let here = if names.is_empty() {
                "nothing yet".to_owned()
            } else {
                names.join(", ")
            };
            Error::new(
                ErrorKind::Unroutable,
                format!("contract {contract:?} is not served here: served is {here}"),
            )
            .retry_as(Retry::Later)
        })
    }

    /// Keeps a command until it has run.
    async fn keep(&self, served: &Served, admission: Admission, body: Bytes) -> Result<()> {
        let (head, caller, stamp) = admission.into_accepted();
        let queue = match &head.requirement {
            Some(required) => served.commands.queue(required, &head.interaction).await?,
            // Without one it is not admitted.
            None => return Err(invalid("a command without a requirement")),
        };
        let message = Message { head, body };
        let arrived = arrived::command(&message, &stamp, caller)?;
        match self.inbox.put(&queue, arrived).await? {
            Put::New | Put::Duplicate => Ok(()),
            Put::Conflict => Err(Error::new(
                ErrorKind::Integrity,
                format!(
                    "another command was sent as message {}: give each its own id",
                    message.head.id
                ),
            )
            .dispatched_as(Dispatched::No)),
            Put::Full => Err(Error::new(
                ErrorKind::Overloaded,
                format!(
                    "the queue of contract {:?} is full: retry later",
                    served.service.name().as_str()
                ),
            )
            .retry_after(Duration::from_secs(1))
            .dispatched_as(Dispatched::No)),
        }
    }

    /// Runs a call by itself, and hands its reply over.
    fn run(
        &self,
        served: &Served,
        caller: Arc<Known>,
        key: Running,
        admission: Admission,
        body: Bytes,
    ) {
        let of = Ended {
            key: key.clone(),
            running: self.running.clone(),
        };
        let replies = self.replies.clone();
        let call = self.replies.track(async move {
            replies.answer(&caller, &of.key.1, admission, body).await;
            drop(of);
        });
        // Held while it starts, so that one that ends at once is not kept after it.
        let mut running = self.running.lock();
        let task = served.tasks.spawn(call);
        running.insert(key, task.abort_handle());
    }
}

/// Forgets a call when it has ended, however it did.
struct Ended {
    key: Running,
    running: Arc<Mutex<HashMap<Running, AbortHandle>>>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.running.lock().remove(&self.key);
    }
}

enum Taken {
    Yes(Arc<Stamp>, Box<Head>),
    Cancelled,
    Stranger,
}

/// Says under which agreement a request was taken.
fn accepted(stamp: &Arc<Stamp>, head: &Head) -> Response<Bytes> {
    let mut answer = Head::new(head.kind, head.contract.clone(), head.interaction.clone());
    answer.stamp = Some(stamp.clone());
    let nothing = Bytes::from_static(b"null");
    match CloudEvent::of(&answer, &nothing).to_json() {
        Ok(event) => respond::of_type(
            StatusCode::ACCEPTED,
            HeaderValue::from_static(cloudevent::MEDIA_TYPE),
            event.into(),
        ),
        Err(error) => respond::problem(&error),
    }
}

fn invalid(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidPayload, what).dispatched_as(Dispatched::No)
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("running", &self.running.lock().len())
            .finish_non_exhaustive()
    }
}
