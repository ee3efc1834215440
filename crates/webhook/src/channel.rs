//! Both ends of a webhook channel.

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream;
use polywire_core::contract::{Name, Offer};
use polywire_core::lifecycle::Lifecycle;
use polywire_core::{
    Capability, Channel, Deliveries, Health, Letters, Message, Receipt, Reply, Result, Service,
    Subscription,
};

use crate::node::Node;

/// A channel over webhooks: its transport's `url` makes it a consumer's, what it serves a provider's. Both listen.
#[derive(Debug)]
pub struct WebhookChannel {
    id: u64,
    capability: Capability,
    node: Arc<Node>,
    /// The listener's own channel: documents, discovery, health.
    http: Arc<dyn Channel>,
    life: Lifecycle,
}

impl WebhookChannel {
    pub(crate) fn new(id: u64, node: Arc<Node>, http: Arc<dyn Channel>) -> Self {
        node.opened();
        Self {
            id,
            capability: node.config().capability(),
            node,
            http,
            life: Lifecycle::default(),
        }
    }
}

#[async_trait]
impl Channel for WebhookChannel {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn health(&self) -> Health {
        self.life.health()
    }

    async fn discover(&self, contract: &Name) -> Result<Offer> {
        let _inside = self.life.enter()?;
        self.life
            .until_closed(pin!(self.http.discover(contract)))
            .await
    }

    async fn call(&self, message: Message) -> Result<Reply> {
        let _inside = self.life.enter()?;
        let calls = self.node.calls().await?;
        self.life.until_closed(pin!(calls.call(message))).await
    }

    async fn send(&self, message: Message) -> Result<Receipt> {
        let _inside = self.life.enter()?;
        let calls = self.node.calls().await?;
        self.life.until_closed(pin!(calls.send(message))).await
    }

    async fn publish(&self, message: Message) -> Result<Receipt> {
        let _inside = self.life.enter()?;
        let provider = self.node.provider().await?;
        self.life
            .until_closed(pin!(provider.publish(message)))
            .await
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<Deliveries> {
        let _inside = self.life.enter()?;
        let groups = self.node.groups().await?;
        let deliveries = self
            .life
            .until_closed(pin!(groups.subscribe(subscription)))
            .await?;
        let (draining, closing) = (self.life.draining().clone(), self.life.closing().clone());
        // With the end of the stream its member leaves, whoever still holds the stream.
        let member = Some((deliveries, draining, closing));
        Ok(Deliveries::new(stream::unfold(member, async |member| {
            let (mut deliveries, draining, closing) = member?;
            let next = tokio::select! {
                biased;
                () = draining.cancelled() => None,
                () = closing.cancelled() => None,
                next = deliveries.next() => next,
            };
            next.map(|next| (next, Some((deliveries, draining, closing))))
        })))
    }

    async fn serve(&self, service: Arc<Service>) -> Result<()> {
        self.life.open()?;
        let provider = self.node.provider().await?;
        // It listens from now on, and this process may be a consumer as well.
        self.node.groups().await?;
        provider.serve(service.clone(), self.id).await?;
        self.http.serve(service).await
    }

    async fn address(&self) -> Option<String> {
        self.http.address().await
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        self.node.letters()
    }

    async fn drain(&self) -> Result<()> {
        self.life.refuse_new();
        let draining = async {
            // Calls are refused from here on, and those that run get their replies out.
            let drained = self.http.drain();
            let provider = self.node.served();
            let finished = async {
                if let Some(provider) = provider {
                    provider.drain(self.id).await;
                }
            };
            tokio::join!(drained, finished).0
        };
        tokio::select! {
            drained = draining => drained?,
            () = self.life.closing().cancelled() => {}
        }
        self.life.emptied().await;
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        if self.life.close() {
            // The listener first, so that nobody who connects finds the contract missing.
            self.http.close().await?;
            if let Some(provider) = self.node.served() {
                provider.close(self.id).await;
            }
            self.node.closed().await;
        }
        Ok(())
    }
}
