//! Both ends of a memory channel.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream;
use polywire_contract::{Name, Offer};
use tokio::sync::Mutex;

use super::hub::{Hub, Replica};
use crate::capability::{Capability, Support, Trust};
use crate::channel::{Channel, Health, Subscription};
use crate::deadline::unless;
use crate::delivery::Deliveries;
use crate::error::{Dispatched, Error, ErrorKind, Result};
use crate::exchange::Workers;
use crate::letters::Letters;
use crate::lifecycle::{Lifecycle, closed, provider_closed};
use crate::message::{Message, Receipt, Reply};
use crate::service::Service;

/// A memory channel. A call runs the handler on the caller's own task.
#[derive(Debug)]
pub struct MemoryChannel {
    hub: Arc<Hub>,
    id: u64,
    capability: Capability,
    life: Lifecycle,
    serving: Mutex<HashMap<Name, Serving>>,
}

#[derive(Debug)]
struct Serving {
    service: Arc<Service>,
    workers: Workers,
}

impl MemoryChannel {
    /// A channel on a hub, for payloads of at most `max_payload` bytes.
    #[must_use]
    pub fn new(hub: Arc<Hub>, max_payload: usize) -> Self {
        let id = hub.next_id();
        Self {
            hub,
            id,
            capability: Self::capability_of(max_payload),
            life: Lifecycle::default(),
            serving: Mutex::default(),
        }
    }

    pub(super) const fn capability_of(max_payload: usize) -> Capability {
        Capability {
            trust: Trust::Trusted,
            call: Support::Native,
            send: Support::Native,
            publish: Support::Native,
            subscribe: Support::Native,
            discover: true,
            ordered_by_key: true,
            resume: true,
            durable: false,
            max_payload,
        }
    }

    fn replica(&self, contract: &Name) -> Result<Arc<Replica>> {
        self.hub.replica(contract).ok_or_else(|| {
            Error::new(
                ErrorKind::Unavailable,
                format!("no provider of contract {:?} in this process: start it, or configure a transport that reaches it", contract.as_str()),
            )
            .dispatched_as(Dispatched::No)
        })
    }
}

#[async_trait]
impl Channel for MemoryChannel {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn health(&self) -> Health {
        self.life.health()
    }

    async fn discover(&self, contract: &Name) -> Result<Offer> {
        self.life.open()?;
        Ok(Offer::clone(self.replica(contract)?.service.offer()))
    }

    async fn call(&self, message: Message) -> Result<Reply> {
        self.life.open()?;
        let replica = self.replica(&message.head.contract)?;
        let admission = replica.service.admit(message.head)?;
        let work = pin!(admission.dispatch(message.body));
        // It runs on the caller's task, and ends with either end.
        let ends = || async {
            tokio::select! {
                () = self.life.closing().cancelled() => {}
                () = replica.closing.cancelled() => {}
            }
        };
        let done = unless(work, || Box::pin(ends())).await;
        done.unwrap_or_else(|| {
            Err(if self.life.closing().is_cancelled() {
                closed().dispatched_as(Dispatched::Maybe)
            } else {
                provider_closed()
            })
        })
    }

    async fn send(&self, message: Message) -> Result<Receipt> {
        self.life.open()?;
        // Before any provider is there the command waits for one; its version is decided then.
        let (caller, stamp) = match self.hub.replica(&message.head.contract) {
            Some(replica) => {
                let (_, caller, stamp) =
                    replica.service.admit(message.head.clone())?.into_accepted();
                (Some(caller), Some(stamp))
            }
            None => (None, None),
        };
        let work = pin!(self.hub.exchange.send(message, caller));
        let receipt = self.life.until_closed(work).await?;
        Ok(Receipt::new(receipt.id, stamp))
    }

    async fn publish(&self, message: Message) -> Result<Receipt> {
        self.life.open()?;
        let work = pin!(self.hub.exchange.publish(message));
        self.life.until_closed(work).await
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<Deliveries> {
        self.life.open()?;
        let replicas = self.hub.replicas(&subscription.contract);
        // One replica that fits is enough: during a deployment the others follow.
        let checks: Vec<_> = replicas
            .iter()
            .map(|service| service.admit_subscription(&subscription))
            .collect();
        if !checks.is_empty() && checks.iter().all(Result::is_err) {
            checks.into_iter().next().unwrap_or(Ok(()))?;
        }
        let member = self.hub.exchange.join(&subscription, None)?;
        let draining = self.life.draining().clone();
        Ok(Deliveries::new(stream::unfold(
            (member, draining),
            |(mut member, draining)| async move {
                let received = tokio::select! {
                    biased;
                    () = draining.cancelled() => return None,
                    received = member.next() => received?,
                };
                Some((received.delivery, (member, draining)))
            },
        )))
    }

    async fn serve(&self, service: Arc<Service>) -> Result<()> {
        self.life.open()?;
        let mut serving = self.serving.lock().await;
        let workers = self.hub.exchange.work(service.clone())?;
        self.hub.add(self.id, &service, self.life.closing());
        let new = Serving {
            service: service.clone(),
            workers,
        };
        if let Some(mut old) = serving.insert(service.name().clone(), new) {
            old.workers.stop().await;
        }
        Ok(())
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        Some(self.hub.exchange.letters())
    }

    async fn drain(&self) -> Result<()> {
        self.life.refuse_new();
        self.hub.remove(self.id);
        let work = pin!(async {
            let mut serving = self.serving.lock().await;
            for Serving { service, workers } in serving.values_mut() {
                service.refuse_new();
                // The last replica finishes the queue; what another one can run is left to it.
                match self.hub.replica(service.name()) {
                    None => workers.finish().await,
                    Some(_) => workers.stop().await,
                }
                service.drain().await;
            }
            Ok(())
        });
        self.life.until_closed(work).await
    }

    async fn close(&self) -> Result<()> {
        self.hub.remove(self.id);
        self.life.close();
        // Subscriptions end with draining.
        self.life.refuse_new();
        self.serving.lock().await.clear();
        Ok(())
    }
}

impl Drop for MemoryChannel {
    fn drop(&mut self) {
        self.hub.remove(self.id);
    }
}
