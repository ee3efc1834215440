//! The provider's end: one listener, any number of contracts.

mod answer;
mod documents;
mod events;
mod handle;
mod listener;
mod members;
mod query;
mod settle;
mod table;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use polywire_core::{Error, ErrorKind, Exchange, MessageId, Overflow, Result, Service, Workers};
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;

use crate::body::Buffered;
use crate::config::{HttpConfig, Protocol};
use crate::extension::Extension;
use crate::tls::TlsConfig;
pub(crate) use documents::Offers;
pub(crate) use listener::Busy;
use listener::{Bound, Listener};
use members::Members;
use table::{Served, Streams, Table};

/// The bounds of a provider's end.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    max_payload: usize,
    max_header_bytes: usize,
    max_connections: usize,
    max_in_flight: usize,
    header_timeout: Duration,
    body_timeout: Duration,
    idle_timeout: Duration,
}

/// What connections share.
#[derive(Debug)]
pub(crate) struct Server {
    limits: Limits,
    table: ArcSwap<Table>,
    exchange: Exchange,
    buffered: Buffered,
    running: AtomicUsize,
    members: Arc<Members>,
    /// Names this run, so that event ids of another one are recognised.
    epoch: String,
    heartbeat: Duration,
    draining: AtomicBool,
    extension: Option<Arc<dyn Extension>>,
}

/// The provider's end of a transport; its channels share it.
#[derive(Debug)]
pub(crate) struct Provider {
    server: Arc<Server>,
    listen: Option<SocketAddr>,
    protocol: Protocol,
    tls: Option<TlsConfig>,
    allow_anonymous: bool,
    merged: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    listener: Option<Listener>,
    workers: Vec<(u64, Arc<Service>, Workers)>,
    /// By channel.
    streams: HashMap<u64, Arc<Streams>>,
}

impl Server {
    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
            || self
                .table
                .load()
                .contracts
                .values()
                .any(|served| served.service.is_draining())
    }

    /// Where the paths of the extension begin, if there is one.
    pub(crate) fn prefix(&self) -> Option<&'static str> {
        self.extension.as_ref().map(|extension| extension.prefix())
    }

    fn is_ready(&self) -> bool {
        let serves = self.extension.is_some() || !self.table.load().contracts.is_empty();
        serves && !self.is_draining()
    }
}

impl Provider {
    pub(crate) fn new(config: &HttpConfig, extension: Option<Arc<dyn Extension>>) -> Self {
        let limits = Limits {
            max_payload: config.max_payload,
            max_header_bytes: config.max_header_bytes,
            max_connections: config.max_connections,
            max_in_flight: config.max_in_flight,
            header_timeout: config.header_timeout,
            body_timeout: config.body_timeout,
            idle_timeout: config.idle_timeout,
        };
        let server = Server {
            limits,
            table: ArcSwap::default(),
            exchange: Exchange::new(config.bounds.clone(), Overflow::Evict),
            buffered: Buffered::new(config.max_buffered),
            running: AtomicUsize::new(0),
            members: Arc::default(),
            epoch: MessageId::random().to_string(),
            heartbeat: config.heartbeat,
            draining: AtomicBool::new(false),
            extension,
        };
        Self {
            server: Arc::new(server),
            listen: config.listen,
            protocol: config.protocol,
            tls: config.tls.clone(),
            allow_anonymous: config.allow_anonymous,
            merged: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    pub(crate) fn exchange(&self) -> &Exchange {
        &self.server.exchange
    }

    /// What answers requests of an application that this is merged into; nothing need be listened on then.
    pub(crate) fn merge(&self) -> &Arc<Server> {
        self.merged.store(true, Ordering::Release);
        &self.server
    }

    /// Where it listens, once it does.
    pub(crate) async fn address(&self) -> Option<SocketAddr> {
        self.state
            .lock()
            .await
            .listener
            .as_ref()
            .map(Listener::address)
    }

    /// The URL of where it listens, as consumers configure it.
    pub(crate) async fn url(&self) -> Option<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.address()
            .await
            .map(|address| format!("{scheme}://{address}"))
    }

    /// Serves a contract for a channel; the first one starts the listener.
    pub(crate) async fn serve(&self, service: Arc<Service>, owner: u64) -> Result<()> {
        let mut state = self.state.lock().await;
        let beyond = self.listen.filter(|address| !address.ip().is_loopback());
        if let Some(address) =
            beyond.filter(|_| !service.is_authenticated() && !self.allow_anonymous)
        {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "{address} is reached from beyond this machine, by callers who prove nothing: configure [service.auth], or say allow_anonymous = true"
                ),
            ));
        }
        let streams = state.streams.entry(owner).or_default().clone();
        let served = Arc::new(Served::new(service.clone(), owner, streams));
        if let Some(taken) = self
            .server
            .table
            .load()
            .contracts
            .get(service.name())
            .filter(|other| other.owner != owner)
        {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "contract {:?} is served here by another channel: serve it once",
                    taken.service.name().as_str()
                ),
            ));
        }
        let address = if state.listener.is_none() {
            self.bind().await?
        } else {
            None
        };
        let workers = self.server.exchange.work(service.clone())?;
        self.server.table.rcu(|table| table.with(&served));
        // Last, so that nobody who connects finds the contract missing.
        if let Some(address) = address {
            state.listener = Some(self.accept(address));
        }
        let old = state
            .workers
            .iter()
            .position(|(_, old, _)| old.name() == service.name());
        let old = old.map(|index| state.workers.swap_remove(index));
        state.workers.push((owner, service, workers));
        drop(state);
        if let Some((.., mut old)) = old {
            old.stop().await;
        }
        Ok(())
    }

    /// Listens, whether anything is served or not.
    ///
    /// # Errors
    /// `Config` when it cannot.
    pub(crate) async fn listen(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        if state.listener.is_none()
            && let Some(address) = self.bind().await?
        {
            state.listener = Some(self.accept(address));
        }
        Ok(())
    }

    /// Takes the address; `None` when an application listens.
    async fn bind(&self) -> Result<Option<(Bound, Option<TlsAcceptor>)>> {
        let merged = self.merged.load(Ordering::Acquire);
        let Some(listen) = self.listen else {
            return if merged {
                Ok(None)
            } else {
                Err(Error::new(
                    ErrorKind::Config,
                    "a provider over http needs listen = \"ADDRESS:PORT\" in its [transport] table, or an application that its router is merged into",
                ))
            };
        };
        let tls = self
            .tls
            .as_ref()
            .map(|tls| tls.server(self.protocol))
            .transpose()?
            .map(Into::into);
        Ok(Some((Bound::bind(listen).await?, tls)))
    }

    fn accept(&self, (bound, tls): (Bound, Option<TlsAcceptor>)) -> Listener {
        Listener::start(self.server.clone(), bound, self.protocol, tls)
    }

    /// Refuses new work for a channel's contracts, or for all, and finishes what was accepted.
    pub(crate) async fn drain(&self, owner: Option<u64>) {
        let own = |other: u64| owner.is_none_or(|owner| owner == other);
        if owner.is_none() {
            self.server.draining.store(true, Ordering::Release);
        }
        let table = self.server.table.load_full();
        let services: Vec<&Arc<Service>> = table
            .contracts
            .values()
            .filter(|served| own(served.owner))
            .map(|served| &served.service)
            .collect();
        for service in &services {
            service.refuse_new();
        }
        // Out of the lock, so that closing need not wait for what is being finished.
        let mut state = self.state.lock().await;
        let all = std::mem::take(&mut state.workers);
        let (workers, rest): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(other, ..)| own(*other));
        state.workers = rest;
        let streams: Vec<Arc<Streams>> = state
            .streams
            .iter()
            .filter(|(other, _)| own(**other))
            .map(|(_, streams)| streams.clone())
            .collect();
        drop(state);
        for (.., mut workers) in workers {
            workers.finish().await;
        }
        for service in &services {
            service.drain().await;
        }
        for streams in &streams {
            streams.finishing.cancel();
            streams.running.close();
        }
        for streams in &streams {
            streams.running.wait().await;
        }
    }

    /// Serves a channel's contracts no more, or none; with the last one the listener goes.
    pub(crate) async fn close(&self, owner: Option<u64>) {
        let own = |other: u64| owner.is_none_or(|owner| owner == other);
        let mut state = self.state.lock().await;
        let table = self.server.table.load_full();
        let last = table.contracts.values().all(|served| own(served.owner));
        if let Some(listener) = if last { state.listener.take() } else { None } {
            listener
                .stop(
                    table
                        .contracts
                        .values()
                        .all(|served| served.service.is_draining()),
                )
                .await;
        }
        self.server.table.rcu(|table| table.without(own));
        state.workers.retain(|(other, ..)| !own(*other));
        state.streams.retain(|other, streams| {
            if own(*other) {
                streams.closing.cancel();
            }
            !own(*other)
        });
    }
}
