//! The transport: channels over two shared connections.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use futures_util::future::join_all;
use parking_lot::Mutex;
use polywire_core::config::Section;
use polywire_core::{
    Capability, Channel, Environment, Letters, Result, Transport, TransportFactory,
};

use crate::broker::Broker;
use crate::channel::AmqpChannel;
use crate::config::{AmqpConfig, Identity};
use crate::letters::{ShelfOwner, Shelves};

/// Makes AMQP transports from `[transport.amqp]`.
#[derive(Clone, Copy, Debug)]
pub struct AmqpFactory;

impl TransportFactory for AmqpFactory {
    fn name(&self) -> &'static str {
        "amqp"
    }

    fn summary(&self) -> &'static str {
        "RabbitMQ: durable commands and events, calls by direct reply-to"
    }

    fn build(&self, section: &Section, environment: &Environment) -> Option<Arc<dyn Transport>> {
        let name = match environment.instance.as_str() {
            "" => environment.service.clone(),
            instance => format!("{}/{instance}", environment.service),
        };
        let config = AmqpConfig::read(section, &name)?;
        match AmqpTransport::new(config) {
            Ok(transport) => Some(Arc::new(transport)),
            Err(error) => {
                section.mistake("tls", error.message().to_owned());
                None
            }
        }
    }
}

/// A configured AMQP transport. Nothing connects before the first channel is made.
pub struct AmqpTransport {
    broker: Arc<Broker>,
    channels: Mutex<Vec<Weak<AmqpChannel>>>,
}

impl AmqpTransport {
    /// A transport over the nodes of a configuration.
    ///
    /// # Errors
    /// `Config` when a certificate file cannot be read.
    pub fn new(config: AmqpConfig) -> Result<Self> {
        let identity = match &config.tls {
            Some(tls) => tls.load()?,
            None => Identity::default(),
        };
        Ok(Self {
            broker: Broker::new(Arc::new(config), &identity),
            channels: Mutex::default(),
        })
    }

    /// A channel of its own state over the shared connections. Starts to connect, and does not wait for it.
    pub fn open(&self) -> Arc<AmqpChannel> {
        self.broker.start();
        let channel = Arc::new(AmqpChannel::new(self.broker.clone()));
        let mut channels = self.channels.lock();
        channels.retain(|channel| channel.strong_count() > 0);
        channels.push(Arc::downgrade(&channel));
        channel
    }

    /// The shelves of a contract's commands, or of a group, for an operator who neither serves nor subscribes. Nothing is
    /// declared, and no provider need be there: a shelf that does not exist is empty.
    ///
    /// # Errors
    /// `Config` when the owner's name would be too long at the broker.
    pub fn letters_of(&self, owner: &ShelfOwner) -> Result<Arc<dyn Letters>> {
        self.broker.start();
        Ok(Arc::new(Shelves::of(self.broker.clone(), owner)?))
    }

    fn opened(&self) -> Vec<Arc<AmqpChannel>> {
        self.channels
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

#[async_trait]
impl Transport for AmqpTransport {
    fn capability(&self) -> Capability {
        self.broker.config.capability()
    }

    async fn channel(&self, _: &str) -> Result<Arc<dyn Channel>> {
        Ok(self.open())
    }

    async fn drain(&self) -> Result<()> {
        let channels = self.opened();
        let drained = join_all(channels.iter().map(|channel| channel.drain())).await;
        drained.into_iter().collect()
    }

    async fn close(&self) -> Result<()> {
        let channels = self.opened();
        let closed = join_all(channels.iter().map(|channel| channel.close())).await;
        self.broker.close().await;
        closed.into_iter().collect()
    }
}

impl std::fmt::Debug for AmqpTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AmqpTransport")
            .field("urls", &self.broker.config.urls)
            .finish_non_exhaustive()
    }
}
