//! The provider's end: one listener, any number of contracts.

mod answer;
mod handle;
mod listener;
mod table;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use polywire_core::{Error, ErrorKind, Exchange, Overflow, Result, Service, Workers};
use tokio::sync::Mutex;

use crate::body::Buffered;
use crate::config::{HttpConfig, Protocol};
use crate::tls::TlsConfig;
use listener::Listener;
pub(crate) use listener::Busy;
use table::{Served, Table};

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
    draining: AtomicBool,
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
}

impl Server {
    fn is_ready(&self) -> bool {
        let table = self.table.load();
        !self.draining.load(Ordering::Acquire)
            && !table.contracts.is_empty()
            && table.contracts.values().all(|served| !served.service.is_draining())
    }
}

impl Provider {
    pub(crate) fn new(config: &HttpConfig) -> Self {
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
            draining: AtomicBool::new(false),
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

    /// Where it listens, once it does.
    pub(crate) async fn address(&self) -> Option<SocketAddr> {
        self.state.lock().await.listener.as_ref().map(Listener::address)
    }

    /// The URL of where it listens, as consumers configure it.
    pub(crate) async fn url(&self) -> Option<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.address().await.map(|address| format!("{scheme}://{address}"))
    }

    /// Serves a contract for a channel; the first one starts the listener.
    pub(crate) async fn serve(&self, service: Arc<Service>, owner: u64) -> Result<()> {
        let mut state = self.state.lock().await;
        let beyond = self.listen.filter(|address| !address.ip().is_loopback());
        if let Some(address) = beyond.filter(|_| !service.is_authenticated() && !self.allow_anonymous) {
            return Err(Error::new(
                ErrorKind::Config,
                format!("{address} is reached from beyond this machine, by callers who prove nothing: configure [service.auth], or say allow_anonymous = true"),
            ));
        }
        let served = Arc::new(Served::new(service.clone(), owner));
        if let Some(taken) = self.server.table.load().contracts.get(service.name()).filter(|other| other.owner != owner) {
            return Err(Error::new(ErrorKind::Config, format!("contract {:?} is served here by another channel: serve it once", taken.service.name().as_str())));
        }
        if state.listener.is_none() && !self.merged.load(Ordering::Acquire) {
            let Some(listen) = self.listen else {
                return Err(Error::new(ErrorKind::Config, "a provider over http needs listen = \"ADDRESS:PORT\" in its [transport] table"));
            };
            let tls = self.tls.as_ref().map(|tls| tls.server(self.protocol)).transpose()?.map(Into::into);
            state.listener = Some(Listener::start(self.server.clone(), listen, self.protocol, tls).await?);
        }
        let workers = self.server.exchange.work(&service)?;
        self.server.table.rcu(|table| table.with(&served));
        let old = state.workers.iter().position(|(_, old, _)| old.name() == service.name());
        let old = old.map(|index| state.workers.swap_remove(index));
        state.workers.push((owner, service, workers));
        drop(state);
        if let Some((.., mut old)) = old {
            old.stop().await;
        }
        Ok(())
    }

    /// Refuses new work for a channel's contracts, and finishes what was accepted.
    pub(crate) async fn drain(&self, owner: u64) {
        let services: Vec<Arc<Service>> = self.server.table.load().contracts.values().filter(|served| served.owner == owner).map(|served| served.service.clone()).collect();
        for service in &services {
            service.refuse_new();
        }
        // Out of the lock, so that closing need not wait for what is being finished.
        let mut state = self.state.lock().await;
        let (own, rest) = std::mem::take(&mut state.workers).into_iter().partition(|(other, ..)| *other == owner);
        state.workers = rest;
        drop(state);
        let own: Vec<(u64, Arc<Service>, Workers)> = own;
        for (.., mut workers) in own {
            workers.finish().await;
        }
        for service in &services {
            service.drain().await;
        }
    }

    /// Serves a channel's contracts no more; with the last one the listener goes.
    pub(crate) async fn close(&self, owner: u64) {
        let mut state = self.state.lock().await;
        self.server.table.rcu(|table| table.without(owner));
        state.workers.retain(|(other, ..)| *other != owner);
        if self.server.table.load().contracts.is_empty()
            && let Some(listener) = state.listener.take()
        {
            listener.stop().await;
        }
    }
}
