//! The conformance suite over the plugin transport: each provider is linked into this program, and everything crosses the C
//! interface that libraries have.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use polywire_contract::{Name, Offer};
use polywire_core::lifecycle::{Lifecycle, closed};
use polywire_core::{
    Capability, Channel, Deliveries, Error, ErrorKind, Health, Letters, Message, Receipt, Reply,
    Result, Service, Subscription, unsupported,
};
use polywire_plugin::host::{HostConfig, PluginHost};
use polywire_plugin::{Hosts, PluginChannel};
use polywire_plugin_export::linked::Linked;
use polywire_testkit::{Ends, Facilities, Factory, World, WorldOptions};
use tokio::task::block_in_place;

/// The hosts of one world: its consumers have them in common, as the channels of one process do.
#[derive(Debug)]
struct Process {
    options: WorldOptions,
    hosts: Mutex<BTreeMap<Name, Arc<PluginHost>>>,
}

impl Hosts for Process {
    fn host(&self, contract: &Name) -> Result<Arc<PluginHost>> {
        let mut hosts = self.hosts.lock();
        if let Some(host) = hosts.get(contract) {
            return Ok(host.clone());
        }
        let mut config = HostConfig::new(contract.clone());
        config.bounds = self.options.bounds.clone();
        let host = PluginHost::new(config)?;
        hosts.insert(contract.clone(), host.clone());
        Ok(host)
    }

    fn started(&self) -> Vec<Arc<PluginHost>> {
        self.hosts.lock().values().cloned().collect()
    }
}

/// What a provider has in a plugin, and what deploys it, in one.
#[derive(Debug)]
struct ProvidersEnd {
    process: Arc<Process>,
    capability: Capability,
    life: Lifecycle,
    served: Mutex<BTreeMap<Name, Served>>,
}

#[derive(Debug)]
struct Served {
    service: Arc<Service>,
    linked: Linked,
}

impl ProvidersEnd {
    fn served(&self) -> Vec<(Arc<PluginHost>, Arc<Service>)> {
        let served = self.served.lock();
        let hosts = served.iter().map(|(contract, served)| {
            let host = self.process.host(contract).unwrap();
            (host, served.service.clone())
        });
        hosts.collect()
    }
}

#[async_trait]
impl Channel for ProvidersEnd {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn health(&self) -> Health {
        self.life.health()
    }

    async fn discover(&self, _: &Name) -> Result<Offer> {
        Err(unsupported(
            "the provider's end",
            "discover",
            "ask a consumer's",
        ))
    }

    async fn call(&self, _: Message) -> Result<Reply> {
        Err(unsupported(
            "the provider's end",
            "call",
            "ask a consumer's",
        ))
    }

    async fn send(&self, _: Message) -> Result<Receipt> {
        Err(unsupported(
            "the provider's end",
            "send",
            "ask a consumer's",
        ))
    }

    async fn publish(&self, message: Message) -> Result<Receipt> {
        self.life.open()?;
        let channel = {
            let served = self.served.lock();
            let served = served.get(&message.head.contract);
            served.and_then(|served| served.linked.channel())
        };
        let Some(channel) = channel else {
            return Err(Error::new(ErrorKind::Unavailable, "nothing is served"));
        };
        channel.publish(message).await
    }

    async fn subscribe(&self, _: Subscription) -> Result<Deliveries> {
        Err(unsupported(
            "the provider's end",
            "subscribe",
            "ask a consumer's",
        ))
    }

    async fn serve(&self, service: Arc<Service>) -> Result<()> {
        self.life.open()?;
        let host = self.process.host(service.name())?;
        let linked = Linked::new(service.clone())?;
        let generation = block_in_place(|| {
            // SAFETY: the descriptor is there until this returns, and its functions for ever.
            unsafe {
                host.loader()
                    .link(linked.plugin(), &linked.config(), &|_| Ok(()))
            }
        });
        let generation =
            generation.map_err(|error| Error::new(ErrorKind::Config, error.to_string()))?;
        host.install(&generation, service.offer());
        let served = Served {
            service: service.clone(),
            linked,
        };
        self.served.lock().insert(service.name().clone(), served);
        Ok(())
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        let name = Name::from_static("conformance");
        self.process.host(&name).ok().map(|host| host.letters())
    }

    async fn drain(&self) -> Result<()> {
        self.life.refuse_new();
        let work = async {
            for (host, service) in self.served() {
                service.refuse_new();
                host.finish().await?;
                service.drain().await;
            }
            Ok(())
        };
        self.life
            .until_closed(pin!(work))
            .await
            .map_err(|_| closed())
    }

    async fn close(&self) -> Result<()> {
        self.life.close();
        self.life.refuse_new();
        for (host, _) in self.served() {
            host.clear();
        }
        self.served.lock().clear();
        Ok(())
    }
}

struct Plugin;

#[async_trait]
impl Factory for Plugin {
    async fn world(&self, options: WorldOptions) -> Result<Box<dyn World>> {
        let max_payload = options.max_payload;
        let process = Arc::new(Process {
            options,
            hosts: Mutex::default(),
        });
        let hosts: Arc<dyn Hosts> = process.clone();
        let provider = move || {
            let end: Arc<dyn Channel> = Arc::new(ProvidersEnd {
                process: process.clone(),
                capability: PluginChannel::capability_of(max_payload),
                life: Lifecycle::default(),
                served: Mutex::default(),
            });
            std::future::ready(Ok(end))
        };
        let consumer = move || {
            let end: Arc<dyn Channel> = Arc::new(PluginChannel::new(hosts.clone(), max_payload));
            std::future::ready(Ok(end))
        };
        Ends::meet(provider, consumer).await
    }

    fn facilities(&self) -> Facilities {
        Facilities {
            // One release serves each major.
            replicas: false,
            ..Facilities::default()
        }
    }
}

fn main() -> ExitCode {
    polywire_testkit::main("plugin", Plugin)
}
