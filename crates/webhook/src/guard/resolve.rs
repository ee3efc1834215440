//! How names become addresses.

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

/// Looks names up.
#[async_trait]
pub trait Resolve: Send + Sync + fmt::Debug + 'static {
    /// Every address of a name, in the order in which they should be tried.
    ///
    /// # Behavior
    /// Asked anew for each connection. Whoever asks bounds the time.
    ///
    /// # Errors
    /// When there is none, or nobody can be asked.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's own resolver, a bounded number of questions at once.
#[derive(Clone, Debug)]
pub struct SystemResolver {
    asking: Arc<Semaphore>,
}

impl SystemResolver {
    /// The most questions at once. Each holds a thread until it is answered, even when nobody waits any more.
    pub const MAX_QUESTIONS: usize = 32;

    /// A resolver.
    #[must_use]
    pub fn new() -> Self {
        Self {
            asking: Arc::new(Semaphore::new(Self::MAX_QUESTIONS)),
        }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let name = name.to_owned();
        let permit = self.asking.clone().acquire_owned().await;
        let permit = permit.map_err(io::Error::other)?;
        let answer = tokio::task::spawn_blocking(move || {
            let answer = (name.as_str(), 0).to_socket_addrs();
            drop(permit);
            answer
        });
        let mut addresses = Vec::new();
        for address in answer.await.map_err(io::Error::other)?? {
            if !addresses.contains(&address.ip()) {
                addresses.push(address.ip());
            }
        }
        Ok(addresses)
    }
}
