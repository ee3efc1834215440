//! The listener: accepts connections up to a bound, and lets go of them.

mod connection;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use polywire_core::{Error, ErrorKind, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Server;
use crate::config::Protocol;
use connection::{Protocols, serve};
pub(crate) use watch::Busy;
use watch::Connections;

/// How long connections get to finish by themselves when the listener stops.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long connections stay open after draining.
const LINGER: Duration = Duration::from_millis(250);
/// The pause after an error of `accept`, such as no file descriptor being left.
const PAUSE: Duration = Duration::from_millis(50);

/// A listener that runs until it is stopped or dropped.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    connections: Arc<Connections>,
    accepting: JoinHandle<()>,
    stop: CancellationToken,
}

/// An address that is taken; who connects waits until something listens.
#[derive(Debug)]
pub(super) struct Bound {
    socket: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// # Errors
    /// `Config` naming the address when it cannot be bound.
    pub(super) async fn bind(at: SocketAddr) -> Result<Self> {
        let cannot = |error: io::Error| {
            Error::new(
                ErrorKind::Config,
                format!("cannot listen on {at}: {error}; choose a free address, or port 0 for any"),
            )
            .caused_by(error)
        };
        let socket = TcpListener::bind(at).await.map_err(cannot)?;
        let address = socket.local_addr().map_err(cannot)?;
        Ok(Self { socket, address })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.cancel();
        self.connections.finish();
    }
}

impl Listener {
    /// Begins to accept.
    pub(super) fn start(
        server: Arc<Server>,
        bound: Bound,
        protocol: Protocol,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let Bound { socket, address } = bound;
        let (stop, connections) = (CancellationToken::new(), Arc::new(Connections::default()));
        let protocols = Arc::new(Protocols::new(&server.limits, protocol));
        tokio::spawn(watch::look_after(
            Arc::downgrade(&connections),
            server.limits.header_timeout,
            server.limits.idle_timeout,
            stop.clone(),
        ));
        let accepting = tokio::spawn(accept(
            socket,
            server,
            protocols,
            tls,
            connections.clone(),
            stop.clone(),
        ));
        tracing::info!(%address, "listening");
        Self {
            address,
            connections,
            accepting,
            stop,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more, lets connections finish what they do, and cuts those that do not.
    ///
    /// After draining, connections get a moment in which a request on them is still refused properly: a client that is
    /// just about to use one would not know whether its request was handled.
    pub(super) async fn stop(mut self, drained: bool) {
        self.stop.cancel();
        // It ends by itself; a panic in it is logged by the runtime.
        let _ = (&mut self.accepting).await;
        if drained {
            let _ = timeout(LINGER, self.connections.emptied()).await;
        }
        self.connections.finish();
        if timeout(PATIENCE, self.connections.emptied()).await.is_err() {
            self.connections.cut();
            self.connections.emptied().await;
        }
    }
}

async fn accept(
    socket: TcpListener,
    server: Arc<Server>,
    protocols: Arc<Protocols>,
    tls: Option<TlsAcceptor>,
    connections: Arc<Connections>,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(
        server.limits.max_connections.min(Semaphore::MAX_PERMITS),
    ));
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await.ok()?;
            Some((place, socket.accept().await))
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accepted => match accepted {
                Some(accepted) => accepted,
                None => break,
            },
        };
        let stream: TcpStream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Answers are written whole; waiting to fill a segment would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone before it was served");
            continue;
        }
        let member = connections.enter();
        let (server, protocols, tls) = (server.clone(), protocols.clone(), tls.clone());
        tokio::spawn(async move {
            serve(stream, server, &protocols, tls, member).await;
            drop(place);
        });
    }
}
