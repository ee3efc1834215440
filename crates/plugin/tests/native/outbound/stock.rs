//! The service that plugins talk to, and the channels to it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use polywire_contract::{Name, Offer, Requirement};
use polywire_core::memory::{Hub, MemoryChannel};
use polywire_core::{
    Bounds, Capability, Channel, Context, ContractClient, ContractPublisher, Deliveries, Directory,
    Error, ErrorKind, Health, Letters, Listed, Message, Policy, Publisher, Receipt, Reply, Result,
    Service, Session, Subscription, Versions,
};
use polywire_plugin::native::Outside;
use tokio::runtime::Runtime;

use crate::libraries::{PATIENCE, World};

#[path = "../../fixtures/stock.rs"]
mod contract;

pub(super) use contract::{Pens, Refusal, StockClient, StockPublisher, StockServer};

/// A host with a stock, and a runtime for it.
pub(super) struct Host {
    pub(super) runtime: Runtime,
    pub(super) world: World,
    pub(super) stock: Arc<MemoryChannel>,
    /// What the stock noted.
    pub(super) noted: Receiver<String>,
    /// The heads that it was asked with.
    pub(super) tokens: Arc<Mutex<Vec<String>>>,
    service: Arc<Service>,
}

struct Shelf {
    notes: Sender<String>,
    tokens: Arc<Mutex<Vec<String>>>,
}

/// Notes that a handler was dropped before its end.
struct Waiting(Sender<String>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.send("given up".to_owned());
    }
}

impl contract::Stock for Shelf {
    async fn left(&self, cx: &Context, request: Pens) -> Result<Pens, Refusal> {
        let token = cx.head().token.as_ref();
        let token = token.map_or("none", |token| token.expose()).to_owned();
        self.tokens.lock().unwrap().push(token);
        match request.pens {
            pens @ 0..=99 => Ok(Pens { pens: pens * 2 }),
            _ => Err(Refusal::SoldOut { left: 7 }),
        }
    }

    async fn wait(&self, _: &Context) -> Result<Pens, Infallible> {
        let waiting = Waiting(self.notes.clone());
        let _ = self.notes.send("waiting".to_owned());
        tokio::time::sleep(10 * PATIENCE).await;
        drop(waiting);
        Ok(Pens { pens: 0 })
    }

    async fn order(&self, _: &Context, request: Pens) -> Result<(), Infallible> {
        let _ = self.notes.send(format!("ordered {}", request.pens));
        Ok(())
    }
}

/// Channels by name.
#[derive(Debug)]
struct Channels(BTreeMap<&'static str, (Listed, Arc<dyn Channel>)>);

#[async_trait]
impl Directory for Channels {
    fn find(&self, name: &str) -> Result<Listed> {
        let found = self.0.get(name).map(|(listed, _)| listed.clone());
        found.ok_or_else(|| {
            let names: Vec<_> = self.0.keys().copied().collect();
            let text = format!("channel {name:?} is not configured: {}", names.join(", "));
            Error::new(ErrorKind::Config, text)
        })
    }

    async fn open(&self, name: &str) -> Result<Arc<dyn Channel>> {
        self.find(name).map(|_| self.0[name].1.clone())
    }
}

/// A transport with a fault.
#[derive(Debug)]
struct Faulty(Capability);

#[async_trait]
impl Channel for Faulty {
    fn capability(&self) -> &Capability {
        &self.0
    }

    fn health(&self) -> Health {
        Health::Ready
    }

    async fn discover(&self, _: &Name) -> Result<Offer> {
        panic!("a panic of a transport, which the test expects");
    }

    async fn call(&self, _: Message) -> Result<Reply> {
        panic!("a panic of a transport, which the test expects");
    }

    async fn send(&self, _: Message) -> Result<Receipt> {
        panic!("a panic of a transport, which the test expects");
    }

    async fn publish(&self, _: Message) -> Result<Receipt> {
        panic!("a panic of a transport, which the test expects");
    }

    async fn subscribe(&self, _: Subscription) -> Result<Deliveries> {
        panic!("a panic of a transport, which the test expects");
    }

    async fn serve(&self, _: Arc<Service>) -> Result<()> {
        Ok(())
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        None
    }

    async fn drain(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

fn listed(contract: Name, require: Option<&str>, capability: &Capability) -> Listed {
    let require = require.map(|text| Requirement::parse_list(contract.clone(), text).unwrap());
    let policy = Policy {
        timeout: PATIENCE,
        token: Some(polywire_core::Token::new("the host's")),
        ..Policy::default()
    };
    Listed::new(contract, require, &policy, capability.clone())
}

impl Host {
    /// One whose stock is served, at 1.2.0.
    pub(super) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (notes, noted) = channel();
        let tokens = Arc::default();
        let shelf = Shelf {
            notes,
            tokens: Arc::clone(&tokens),
        };
        let service = Service::new(Versions::new().serve(StockServer::new(shelf))).unwrap();
        let service = Arc::new(service);
        let hub = Hub::new(Bounds::default());
        let stock = Arc::new(MemoryChannel::new(hub, 1 << 20));
        let served = stock.serve(service.clone());
        runtime.block_on(served).unwrap();
        let capability = stock.capability().clone();
        let faulty: Arc<dyn Channel> = Arc::new(Faulty(capability.clone()));
        let name = Name::from_static("stock");
        let small = Capability {
            max_payload: 8,
            ..capability.clone()
        };
        let channels: BTreeMap<_, (Listed, Arc<dyn Channel>)> = [
            (
                "stock",
                (listed(name.clone(), None, &capability), stock.clone() as _),
            ),
            (
                "newer",
                (
                    listed(name.clone(), Some("^1.3"), &capability),
                    stock.clone() as _,
                ),
            ),
            (
                "small",
                (listed(name.clone(), None, &small), stock.clone() as _),
            ),
            ("faulty", (listed(name, None, &capability), faulty)),
            (
                "orders",
                (
                    listed(Name::from_static("orders"), None, &capability),
                    stock.clone() as _,
                ),
            ),
        ]
        .into();
        let outside = Outside {
            directory: Arc::new(Channels(channels)),
            runtime: runtime.handle().clone(),
        };
        Self {
            world: World::with(outside),
            runtime,
            stock,
            noted,
            tokens,
            service,
        }
    }

    /// Says that so many pens are left.
    pub(super) fn change(&self, pens: u32) {
        let contract = StockPublisher::contract().unwrap();
        let events = Publisher::new(self.stock.clone(), &self.service, &contract, PATIENCE);
        let events = StockPublisher::new(events.unwrap());
        let left = Pens { pens };
        self.runtime.block_on(events.changed(&left)).unwrap();
    }

    /// The next change that a consumer of its own gets, in the group of the plugin.
    pub(super) fn changed(&self) -> u32 {
        let contract = StockClient::contract().unwrap();
        let requirement = Requirement::caret(contract.name().clone(), contract.version());
        let session = Session::new(self.stock.clone(), contract, requirement, Policy::default());
        let client = StockClient::new(session.unwrap());
        let next = async {
            let mut changed = client.changed("shop").await.unwrap();
            let delivery = changed.next().await.unwrap();
            let pens = delivery.event.pens;
            delivery.ack().await.unwrap();
            pens
        };
        let bounded = async { tokio::time::timeout(PATIENCE, next).await };
        self.runtime.block_on(bounded).unwrap()
    }

    /// What the stock notes next.
    pub(super) fn note(&self) -> String {
        self.noted.recv_timeout(PATIENCE).unwrap()
    }

    /// That the stock notes nothing more, as far as that can be seen.
    pub(super) fn is_quiet(&self) -> bool {
        self.noted.recv_timeout(Duration::ZERO).is_err()
    }
}
