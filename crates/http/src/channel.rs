//! Both ends of an HTTP channel.

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use polywire_core::contract::{Name, Offer};
use polywire_core::{
    Capability, Channel, Deliveries, Error, ErrorKind, Health, Letters, Message, Receipt, Reply,
    Result, Service, Subscription,
};

use crate::client::{Client, Ends};
use crate::server::Provider;
use polywire_core::lifecycle::Lifecycle;

/// A channel over HTTP: its transport's `url` makes it a consumer's, `listen` a provider's.
#[derive(Debug)]
pub struct HttpChannel {
    id: u64,
    capability: Capability,
    client: Option<Arc<Client>>,
    provider: Arc<Provider>,
    life: Lifecycle,
}

impl HttpChannel {
    pub(crate) fn new(
        id: u64,
        capability: Capability,
        client: Option<Arc<Client>>,
        provider: Arc<Provider>,
    ) -> Self {
        Self {
            id,
            capability,
            client,
            provider,
            life: Lifecycle::default(),
        }
    }

    fn client(&self) -> Result<&Arc<Client>> {
        self.client.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::Config,
                "a consumer over http needs url = \"http://HOST:PORT\" in its [transport] table",
            )
        })
    }
}

#[async_trait]
impl Channel for HttpChannel {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn health(&self) -> Health {
        self.life.health()
    }

    async fn discover(&self, contract: &Name) -> Result<Offer> {
        let _inside = self.life.enter()?;
        self.life
            .until_closed(pin!(self.client()?.discover(contract)))
            .await
    }

    async fn call(&self, message: Message) -> Result<Reply> {
        let _inside = self.life.enter()?;
        self.life
            .until_closed(pin!(self.client()?.call(message)))
            .await
    }

    async fn send(&self, message: Message) -> Result<Receipt> {
        let _inside = self.life.enter()?;
        self.life
            .until_closed(pin!(self.client()?.send(message)))
            .await
    }

    async fn publish(&self, message: Message) -> Result<Receipt> {
        let _inside = self.life.enter()?;
        self.life
            .until_closed(pin!(self.provider.exchange().publish(message)))
            .await
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<Deliveries> {
        let _inside = self.life.enter()?;
        let client = self.client()?;
        let ends = Ends {
            draining: self.life.draining().clone(),
            closing: self.life.closing().clone(),
        };
        self.life
            .until_closed(pin!(client.subscribe(subscription, ends)))
            .await
    }

    async fn serve(&self, service: Arc<Service>) -> Result<()> {
        self.life.open()?;
        self.provider.serve(service, self.id).await
    }

    async fn address(&self) -> Option<String> {
        self.provider.url().await
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        Some(self.provider.exchange().letters())
    }

    async fn drain(&self) -> Result<()> {
        self.life.refuse_new();
        tokio::select! {
            () = self.provider.drain(Some(self.id)) => {}
            () = self.life.closing().cancelled() => {}
        }
        self.life.emptied().await;
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        if self.life.close() {
            self.provider.close(Some(self.id)).await;
        }
        Ok(())
    }
}
