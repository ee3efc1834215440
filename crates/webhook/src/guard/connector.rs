//! Connections to addresses that have been checked.

use std::error::Error as StdError;
use std::future::{Ready, ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::error::GuardError;
use super::policy::{Asked, Policy};
use super::resolve::Resolve;
use super::target::literal;

/// Makes TCP connections for a client of hyper: the policy is asked for every connection, and what it saw is what is dialled.
///
/// Wrap it into a connector of TLS for `https`; the name that certificates are checked by stays that of the URL.
#[derive(Clone, Debug)]
pub struct GuardedConnector {
    policy: Arc<Policy>,
    resolver: Arc<dyn Resolve>,
    timeout: Duration,
}

/// Why there is no connection. Its text never says an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The guard refused.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Nobody answered in time.
    #[error("the sink did not take a connection in time")]
    Timeout,
    /// It was refused or broke.
    #[error("the sink takes no connection: {0}")]
    Broken(io::ErrorKind),
}

impl GuardedConnector {
    /// A connector under a policy. A name's look-up and the connection to it may take `timeout` together.
    pub fn new(policy: impl Into<Arc<Policy>>, resolver: impl Resolve, timeout: Duration) -> Self {
        Self {
            policy: policy.into(),
            resolver: Arc::new(resolver),
            timeout,
        }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<TcpStream>, ConnectError> {
        let within = self.timeout;
        timeout(within, async move {
            let addresses = self.addresses(&uri).await?;
            let mut http = HttpConnector::new_with_resolver(Checked(addresses));
            http.enforce_http(false);
            http.set_nodelay(true);
            // Divided among the addresses, so that one that does not answer leaves time for the next.
            http.set_connect_timeout(Some(within));
            http.set_keepalive(Some(Duration::from_secs(60)));
            http.call(uri).await.map_err(|error| broken(&error))
        })
        .await
        .unwrap_or(Err(ConnectError::Timeout))
    }

    async fn addresses(&self, uri: &Uri) -> Result<Vec<IpAddr>, GuardError> {
        let tls = uri.scheme() == Some(&Scheme::HTTPS);
        if !tls && uri.scheme() != Some(&Scheme::HTTP) {
            return Err(GuardError::Url {
                found: "is neither https nor http",
            });
        }
        let host = uri.host().ok_or(GuardError::Url {
            found: "has no host",
        })?;
        let asked = Asked {
            host,
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
        };
        let addresses = match literal(host) {
            Some(address) => vec![address],
            None => {
                self.policy.check_name(asked)?;
                let answer = self.resolver.resolve(host).await;
                answer.map_err(|_| GuardError::Unresolved)?
            }
        };
        self.policy.check(asked, &addresses)?;
        Ok(addresses)
    }
}

impl Service<Uri> for GuardedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// Answers with the addresses that were checked, whatever is asked.
#[derive(Clone)]
struct Checked(Vec<IpAddr>);

impl Service<Name> for Checked {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        // The connector sets the port of the URL.
        let addresses = self.0.iter().map(|address| SocketAddr::new(*address, 0));
        ready(Ok(addresses.collect::<Vec<_>>().into_iter()))
    }
}

/// Only the kind: the connector's own text may name the address.
fn broken(error: &(dyn StdError + 'static)) -> ConnectError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::TimedOut => ConnectError::Timeout,
                kind => ConnectError::Broken(kind),
            };
        }
        cause = error.source();
    }
    ConnectError::Broken(io::ErrorKind::Other)
}
