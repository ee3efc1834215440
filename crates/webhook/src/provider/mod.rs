//! The provider's end of a transport: its subscriptions, what delivers to them, and the requests of callers.

mod callers;
mod calls;
mod commands;
mod events;
mod notices;
mod publish;
mod requests;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::HeaderValue;
use http::{Request, Response};
use parking_lot::Mutex;
use polywire_core::contract::Name;
use polywire_core::{Error, ErrorKind, Head, Kind, Message, Receipt, Result, Service};

use crate::deliver::{DeliverOptions, Deliverer, Sender};
use crate::inbox::Inbox;
use crate::seal::Keyring;
use crate::server::{Publisher, Server, ServerOptions};
use crate::store::Store;
use crate::wire::{CALLERS_PATH, REQUESTS_PATH};
use callers::Callers;
pub(crate) use callers::TENANT as CALLERS;
use commands::Commands;
use notices::{Log, Subscribed};
use publish::{EventPublisher, EventQueue};
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
    events: EventPublisher,
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
        let authenticated = server.authenticator.is_some();
        let (queue, waiting) = EventQueue::new(authenticated);
        let subscribed = Arc::new(Subscribed {
            events: queue.clone(),
            deliverer: OnceLock::new(),
        });
        server.notices = subscribed.clone();
        let server = Server::start(store.clone(), keyring.clone(), sender.clone(), server).await?;
        let events = EventPublisher::start(queue.clone(), waiting, &server, authenticated)?;
        let deliverer = Arc::new(Deliverer::start(
            store.clone(),
            sender,
            Arc::new(keyring),
            Arc::new(Log(queue.clone())),
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
            events,
            commands: Mutex::default(),
        })
    }

    /// Serves a contract for a channel, in place of the service that it had.
    pub(crate) async fn serve(&self, service: Arc<Service>, owner: u64) -> Result<()> {
        let name = service.name().clone();
        if name == events::CONTRACT {
            let text = format!(
                "contract {:?} is that of the webhook transport's own events: take another name",
                name.as_str()
            );
            return Err(Error::new(ErrorKind::Config, text));
        }
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
        self.events.offer(&self.server, &service);
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
        let (tenant, token) = self.server.who(request.headers())?;
        let mut head = Head::new(
            Kind::Operation,
            new.contract.clone(),
            Name::from_static("callers"),
        );
        head.token = token;
        service.authenticate(&head)?;
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
            let commands = self.commands.lock().get(&name).cloned();
            if let Some((_, commands)) = commands {
                commands.finish().await;
            }
        }
    }

    /// Serves a channel's contracts no more.
    pub(crate) async fn close(&self, owner: u64) {
        let names = self.names(owner);
        join_all(names.iter().map(|name| self.requests.close(name))).await;
        for name in &names {
            self.commands.lock().remove(name);
        }
    }

    /// Lets go of everything.
    pub(crate) async fn stop(&self) {
        self.commands.lock().clear();
        self.server.close().await;
        self.deliverer.stop().await;
        self.events.finish().await;
        self.store.close().await;
    }
}
