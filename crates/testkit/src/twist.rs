//! A channel around another one that does something else with some verbs: a faulty transport for tests.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use polywire_contract::{Name, Offer};
use polywire_core::{
    Capability, Channel, Deliveries, Health, Letters, Message, Receipt, Reply, Result, Service,
    Subscription,
};

/// What is done otherwise; every verb passes to the channel inside unless it says else.
#[async_trait]
pub trait Twist: fmt::Debug + Send + Sync + 'static {
    /// The capability, given what the channel inside claims.
    fn capability(&self, inside: &Capability) -> Capability {
        inside.clone()
    }

    /// [`Channel::discover`].
    async fn discover(&self, inside: &Arc<dyn Channel>, contract: &Name) -> Result<Offer> {
        inside.discover(contract).await
    }

    /// [`Channel::call`].
    async fn call(&self, inside: &Arc<dyn Channel>, message: Message) -> Result<Reply> {
        inside.call(message).await
    }

    /// [`Channel::send`].
    async fn send(&self, inside: &Arc<dyn Channel>, message: Message) -> Result<Receipt> {
        inside.send(message).await
    }

    /// [`Channel::publish`].
    async fn publish(&self, inside: &Arc<dyn Channel>, message: Message) -> Result<Receipt> {
        inside.publish(message).await
    }

    /// [`Channel::subscribe`].
    async fn subscribe(
        &self,
        inside: &Arc<dyn Channel>,
        subscription: Subscription,
    ) -> Result<Deliveries> {
        inside.subscribe(subscription).await
    }

    /// [`Channel::close`].
    async fn close(&self, inside: &Arc<dyn Channel>) -> Result<()> {
        inside.close().await
    }
}

/// The channel, twisted.
#[must_use]
pub fn twist(channel: Arc<dyn Channel>, twist: impl Twist) -> Arc<dyn Channel> {
    let capability = twist.capability(channel.capability());
    Arc::new(Twisted {
        twist,
        capability,
        inside: channel,
    })
}

#[derive(Debug)]
struct Twisted<T> {
    twist: T,
    capability: Capability,
    inside: Arc<dyn Channel>,
}

#[async_trait]
impl<T: Twist> Channel for Twisted<T> {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn health(&self) -> Health {
        self.inside.health()
    }

    async fn discover(&self, contract: &Name) -> Result<Offer> {
        self.twist.discover(&self.inside, contract).await
    }

    async fn call(&self, message: Message) -> Result<Reply> {
        self.twist.call(&self.inside, message).await
    }

    async fn send(&self, message: Message) -> Result<Receipt> {
        self.twist.send(&self.inside, message).await
    }

    async fn publish(&self, message: Message) -> Result<Receipt> {
        self.twist.publish(&self.inside, message).await
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<Deliveries> {
        self.twist.subscribe(&self.inside, subscription).await
    }

    async fn serve(&self, service: Arc<Service>) -> Result<()> {
        self.inside.serve(service).await
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        self.inside.letters()
    }

    async fn drain(&self) -> Result<()> {
        self.inside.drain().await
    }

    async fn close(&self) -> Result<()> {
        self.twist.close(&self.inside).await
    }
}
