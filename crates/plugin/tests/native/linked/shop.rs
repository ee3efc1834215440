//! A provider of two editions of a contract.

use std::convert::Infallible;
use std::sync::Arc;

use polywire_core::{Context, Result, Service, Versions};

/// The first edition of the orders: its event comes first.
pub(super) mod first {
    use super::*;

    #[polywire_macros::contract(crate = polywire_core, name = "orders", version = "1.4.0")]
    pub(in crate::linked) trait Orders {
        #[event]
        fn shipped(event: Pens);
        async fn quote(&self, cx: &Context, request: Pens) -> Result<Pens, Refusal>;
        async fn fail(&self, cx: &Context) -> Result<(), Infallible>;
        async fn begin(&self, cx: &Context) -> Result<(), Infallible>;
    }
}

/// The second edition: its event comes last.
pub(super) mod second {
    use super::*;

    #[polywire_macros::contract(crate = polywire_core, name = "orders", version = "2.0.0")]
    pub(in crate::linked) trait Orders {
        async fn quote(&self, cx: &Context, request: Pens) -> Result<Pens, Refusal>;
        #[event]
        fn sent(event: Pens);
    }
}

#[polywire_macros::payload(crate = polywire_core)]
pub(super) struct Pens {
    pub(super) pens: u32,
}

#[polywire_macros::error(crate = polywire_core)]
pub(super) enum Refusal {
    /// There are not that many pens.
    SoldOut { left: u32 },
    #[fallback]
    Unknown,
}

/// Its work is what `begin` leaves running.
pub(super) struct Shop<W> {
    price: u32,
    work: W,
}

impl<W> Shop<W> {
    fn quote(&self, request: &Pens) -> Result<Pens, Refusal> {
        match request.pens {
            pens @ 0..=99 => Ok(Pens {
                pens: pens * self.price,
            }),
            _ => Err(Refusal::SoldOut { left: 99 }),
        }
    }
}

impl<W: Fn() + Send + Sync + 'static> first::Orders for Shop<W> {
    async fn quote(&self, _: &Context, request: Pens) -> Result<Pens, Refusal> {
        self.quote(&request)
    }

    async fn fail(&self, _: &Context) -> Result<(), Infallible> {
        panic!("a panic of a handler, which the test expects");
    }

    async fn begin(&self, _: &Context) -> Result<(), Infallible> {
        // It is not done at once, so that the thread of the host waits.
        tokio::task::yield_now().await;
        (self.work)();
        Ok(())
    }
}

impl<W: Fn() + Send + Sync + 'static> second::Orders for Shop<W> {
    async fn quote(&self, _: &Context, request: Pens) -> Result<Pens, Refusal> {
        self.quote(&request)
    }
}

pub(super) fn idle() {}

/// A service of the first edition.
pub(super) fn plain(work: impl Fn() + Send + Sync + 'static) -> Arc<Service> {
    let versions = Versions::new().serve(first::OrdersServer::new(Shop { price: 10, work }));
    Arc::new(Service::new(versions).unwrap())
}

/// A service of both.
pub(super) fn both() -> Arc<Service> {
    let shop = || Shop {
        price: 7,
        work: idle,
    };
    let versions = Versions::new().serve(first::OrdersServer::new(shop()));
    let versions = versions.serve(second::OrdersServer::new(shop()));
    Arc::new(Service::new(versions).unwrap())
}
