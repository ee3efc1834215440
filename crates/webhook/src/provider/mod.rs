//! The provider's end of a transport: its subscriptions, what delivers to them, and the requests of callers.

mod callers;
mod commands;
mod consent;
mod notices;
mod replies;
mod requests;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response};
use parking_lot::Mutex;
use polywire_core::contract::Name;
use polywire_core::{Caller, Error, ErrorKind, Head, Kind, Message, Receipt, Result, Service};

use crate::deliver::{DeliverOptions, Deliverer, Sender};
use crate::inbox::Inbox;
use crate::seal::Keyring;
use crate::server::{Publisher, Server, ServerOptions};
use crate::store::Store;
use crate::wire::{CALLERS_PATH, REQUESTS_PATH};
use callers::Callers;
use commands::Commands;
use notices::{Log, Subscribed};
use requests::Requests;

/// What a provider's end is made of.
pub(crate) struct ProviderParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) inbox: Inbox,
    /// Where the inbox keeps what has arrived.
    pub(crate) kept: Arc<dyn Store>,
    pub(crate) keyring: Keyring,
    pub(crate) sender: Sender,
    pub(crate) origin: HeaderValue,
    pub(crate) server: ServerOptions,
    pub(crate) deliver: DeliverOptions,
}

/// A provider's end; the channels of a transport share it.
#[derive(Debug)]
pub(crate) struct Provider {
    store: Arc<dyn Store>,
    inbox: Inbox,
    /// Where the inbox keeps what has arrived.
    kept: Arc<dyn Store>,
    callers: Arc<Callers>,
    requests: Requests,
    server: Server,
    publisher: Publisher,
    deliverer: Arc<Deliverer>,
    tenant_claim: String,
    commands: Mutex<HashMap<Name, (u64, Arc<Commands>)>>,
}

impl Provider {
    /// Starts to deliver what is kept.
    ///
    /// # Errors
    /// `Config` for an option out of its bounds; those of the store.
    pub(crate) async fn start(parts: ProviderParts) -> Result<Self> {
        let ProviderParts {
            store,
            inbox,
            kept,
            keyring,
            sender,
            origin,
            mut server,
            deliver,
        } = parts;
        let clock = server.clock.clone();
        let callers = Arc::new(Callers::new(
            store.clone(),
            keyring.clone(),
            sender.clone(),
            clock.clone(),
            origin,
            server.max_subscriptions,
        ));
        let requests = Requests::new(callers.clone(), inbox.clone(), sender.clone(), clock);
        let subscribed = Arc::new(Subscribed::default());
        server.notices = subscribed.clone();
        let tenant_claim = server.tenant_claim.clone();
        let server = Server::start(store.clone(), keyring.clone(), sender.clone(), server).await?;
        let deliverer = Arc::new(Deliverer::start(
            store.clone(),
            sender,
            Arc::new(keyring),
            Arc::new(Log),
            deliver,
        )?);
        // Nobody has set it before.
        let _ = subscribed.deliverer.set(deliverer.clone());
        Ok(Self {
            store,
            inbox,
            kept,
            callers,
            requests,
            publisher: server.publisher(),
            server,
            deliverer,
            tenant_claim,
            commands: Mutex::default(),
        })
    }

    /// Serves a contract for a channel, in place of the service that it had.
    pub(crate) async fn serve(&self, service: Arc<Service>, owner: u64) -> Result<()> {
        let name = service.name().clone();
        let served = self.commands.lock().get(&name).map(|(other, _)| *other);
        if served.is_some_and(|other| other != owner) {
            let text = format!(
                "contract {:?} is served here by another channel: serve it once",
                name.as_str()
            );
            return Err(Error::new(ErrorKind::Config, text));
        }
        let commands = Commands::start(self.inbox.clone(), self.kept.clone(), service.clone());
        let commands = Arc::new(commands.await?);
        self.server.serve(service.clone());
        self.requests.serve(service, commands.clone());
        let before = self.commands.lock().insert(name, (owner, commands));
        if let Some((_, before)) = before {
            before.stop().await;
        }
        Ok(())
    }

    /// Answers a request to one of its paths.
    pub(crate) async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        match request.uri().path() {
            REQUESTS_PATH => self.requests.answer(&request).await,
            CALLERS_PATH => callers::answered(self.register(&request).await),
            _ => self.server.answer(request).await,
        }
    }

    async fn register(&self, request: &Request<Bytes>) -> Result<crate::wire::Caller> {
        let new = callers::read(request)?;
        let service = self.requests.service(&new.contract)?;
        let caller = authenticate(&service, request)?;
        let tenant = tenant(&caller, &self.tenant_claim);
        self.callers.register(&service, tenant, new).await
    }

    /// Publishes an event to every subscription that wants it.
    pub(crate) async fn publish(&self, message: Message) -> Result<Receipt> {
        self.publisher.publish(message).await
    }

    fn names(&self, owner: u64) -> Vec<Name> {
        let commands = self.commands.lock();
        let own = commands.iter().filter(|(_, (other, _))| *other == owner);
        own.map(|(name, _)| name.clone()).collect()
    }

    /// Finishes what was accepted for a channel's contracts.
    pub(crate) async fn drain(&self, owner: u64) {
        for name in self.names(owner) {
            self.requests.finish(&name).await;
            // Out of the lock, so that closing need not wait for what is being finished.
            let commands = self.commands.lock().remove(&name);
            if let Some((_, commands)) = commands {
                commands.finish().await;
            }
        }
    }

    /// Serves a channel's contracts no more.
    pub(crate) fn close(&self, owner: u64) {
        for name in self.names(owner) {
            self.requests.forget(&name);
            self.commands.lock().remove(&name);
        }
    }

    /// Lets go of everything.
    pub(crate) async fn stop(&self) {
        self.requests.close().await;
        self.commands.lock().clear();
        self.server.close().await;
        self.deliverer.stop().await;
        self.store.close().await;
    }
}

/// Who makes a request about a contract.
fn authenticate(service: &Service, request: &Request<Bytes>) -> Result<Caller> {
    let mut head = Head::new(
        Kind::Event,
        service.name().clone(),
        Name::from_static("subscriptions"),
    );
    head.token = match request.headers().get(AUTHORIZATION) {
        Some(value) => polywire_http::token(value)?,
        None => None,
    };
    service.authenticate(&head)
}

/// Whose subscriptions a caller's are.
fn tenant(caller: &Caller, claim: &str) -> String {
    let claimed = caller.claim(claim).and_then(|value| value.as_str());
    claimed
        .or_else(|| caller.subject())
        .unwrap_or("anonymous")
        .to_owned()
}
