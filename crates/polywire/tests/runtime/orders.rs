//! The contract of these tests, and a provider whose handlers can be held.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use polywire::config::Environment;
use polywire::prelude::*;
use tokio::sync::Semaphore;

#[polywire::payload]
#[derive(PartialEq)]
pub(crate) struct Order {
    pub(crate) item: String,
}

#[polywire::payload]
pub(crate) struct Shipped {
    pub(crate) order: String,
}

#[polywire::error]
pub(crate) enum OrdersError {
    /// no such item
    UnknownItem,
    #[fallback]
    Other,
}

#[polywire::contract(name = "orders", version = "1.4.0")]
pub(crate) trait Orders {
    #[idempotent]
    async fn quote(&self, cx: &Context, request: Order) -> Result<Order, OrdersError>;

    #[command]
    async fn cancel(&self, cx: &Context, command: Order) -> Result<(), OrdersError>;

    #[event]
    fn shipped(event: Shipped);
}

/// Answers a quote with what it was asked, once the gate lets it.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) started: Arc<Semaphore>,
    pub(crate) finished: Arc<AtomicUsize>,
}

impl Shop {
    /// A shop whose handlers run through.
    pub(crate) fn open() -> Self {
        Self::gated(Semaphore::MAX_PERMITS)
    }

    /// A shop whose handlers wait until the gate is given permits.
    pub(crate) fn closed() -> Self {
        Self::gated(0)
    }

    fn gated(permits: usize) -> Self {
        Self {
            gate: Arc::new(Semaphore::new(permits)),
            started: Arc::new(Semaphore::new(0)),
            finished: Arc::default(),
        }
    }

    /// Waits until one more handler has begun.
    pub(crate) async fn one_started(&self) {
        self.started.acquire().await.unwrap().forget();
    }

    pub(crate) fn finished(&self) -> usize {
        self.finished.load(Ordering::SeqCst)
    }

    async fn pass(&self) {
        self.started.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        self.finished.fetch_add(1, Ordering::SeqCst);
    }
}

impl Orders for Shop {
    async fn quote(&self, _: &Context, request: Order) -> Result<Order, OrdersError> {
        self.pass().await;
        if request.item == "moon" {
            Err(OrdersError::UnknownItem)
        } else {
            Ok(request)
        }
    }

    async fn cancel(&self, _: &Context, _: Order) -> Result<(), OrdersError> {
        self.pass().await;
        Ok(())
    }
}

pub(crate) fn order(item: &str) -> Order {
    Order {
        item: item.to_owned(),
    }
}

/// A runtime of this text, without the environment of the process.
pub(crate) fn wire(text: &str) -> polywire::Result<Polywire> {
    Polywire::builder()
        .config_text("polywire.toml", text)
        .environment(Environment::new())
        .build()
}

/// A runtime with a memory hub of its own; `channel` is what stands in `[channel.orders]` besides.
pub(crate) fn on_hub(hub: &str, channel: &str) -> Polywire {
    let text = format!("[channel.orders]\n{channel}\n[transport.memory]\nhub = \"{hub}\"\n");
    wire(&text).unwrap_or_else(|error| panic!("{error:?}"))
}
