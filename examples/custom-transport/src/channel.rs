//! Both ends of the link.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use polywire::contract::{Name, Offer};
use polywire::core::{Dispatched, Message, Reply, Subscription, unsupported};
use polywire::{
    Capability, Channel, Deliveries, Error, ErrorKind, Health, Letters, Receipt, Result, Service,
};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::provider::Provider;
use crate::wire::{self, Answer, Request};

/// Both ends of a link over TCP, a connection for each call.
#[derive(Debug)]
pub struct LineChannel {
    capability: Capability,
    connect: Option<SocketAddr>,
    provider: Provider,
    calls: TaskTracker,
    draining: AtomicBool,
    closing: CancellationToken,
}

impl LineChannel {
    /// A channel that listens once it serves, and connects whenever it calls.
    #[must_use]
    pub fn new(
        listen: Option<SocketAddr>,
        connect: Option<SocketAddr>,
        max_payload: usize,
    ) -> Self {
        let closing = CancellationToken::new();
        Self {
            capability: crate::capability(max_payload),
            connect,
            provider: Provider::new(listen, max_payload, closing.clone()),
            calls: TaskTracker::new(),
            draining: AtomicBool::new(false),
            closing,
        }
    }

    fn open(&self) -> Result<()> {
        match self.health() {
            Health::Draining => Err(Error::new(
                ErrorKind::Closed,
                "the channel is draining and takes nothing new",
            )),
            Health::Closed => Err(closed()),
            _ => Ok(()),
        }
    }

    /// One call over a connection of its own. Dropping this closes the connection, which cancels the handler.
    async fn ask(&self, message: Message) -> Result<Reply> {
        let address = self.connect.ok_or_else(|| {
            Error::new(
                ErrorKind::Config,
                "calls need connect = \"ADDRESS:PORT\" in the table of the transport",
            )
        })?;
        let lost = |error| {
            Error::new(
                ErrorKind::Unavailable,
                format!("the provider at {address} does not answer: is it running?"),
            )
            .caused_by(error)
        };
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| lost(error).dispatched_as(Dispatched::No))?;
        let mut stream = BufReader::new(stream);
        wire::write(&mut stream, Request::new(&message.head)?, &message.body)
            .await
            .map_err(lost)?;
        let limit = self.capability.max_payload;
        let (answer, body) = wire::read::<Answer>(&mut stream, limit)
            .await
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::FileTooLarge => Error::new(
                    ErrorKind::TooLarge,
                    format!("the reply exceeds {limit} bytes: raise max_payload"),
                )
                .dispatched_as(Dispatched::Yes),
                _ => lost(error),
            })?;
        answer.into_reply(body)
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the channel is closed")
}

#[async_trait]
impl Channel for LineChannel {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn health(&self) -> Health {
        if self.closing.is_cancelled() {
            Health::Closed
        } else if self.draining.load(Ordering::Acquire) {
            Health::Draining
        } else {
            Health::Ready
        }
    }

    async fn discover(&self, _: &Name) -> Result<Offer> {
        Err(unsupported(
            "line",
            "discover",
            "call, and read the agreement of the session",
        ))
    }

    async fn call(&self, message: Message) -> Result<Reply> {
        // Counted before the look, so that a drain in between waits for it.
        let _running = self.calls.token();
        self.open()?;
        tokio::select! {
            reply = self.ask(message) => reply,
            () = self.closing.cancelled() => Err(closed().dispatched_as(Dispatched::Maybe)),
        }
    }

    async fn send(&self, _: Message) -> Result<Receipt> {
        Err(unsupported(
            "line",
            "send",
            "use a transport that has commands, such as http",
        ))
    }

    async fn publish(&self, _: Message) -> Result<Receipt> {
        Err(unsupported(
            "line",
            "publish",
            "use a transport that has events, such as http",
        ))
    }

    async fn subscribe(&self, _: Subscription) -> Result<Deliveries> {
        Err(unsupported(
            "line",
            "subscribe",
            "use a transport that has events, such as http",
        ))
    }

    async fn serve(&self, service: Arc<Service>) -> Result<()> {
        self.open()?;
        self.provider.serve(service).await
    }

    async fn address(&self) -> Option<String> {
        self.provider
            .address()
            .await
            .map(|address| address.to_string())
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        None
    }

    async fn drain(&self) -> Result<()> {
        self.draining.store(true, Ordering::Release);
        self.provider.drain().await;
        self.calls.close();
        self.calls.wait().await;
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.closing.cancel();
        self.provider.close().await;
        Ok(())
    }
}
