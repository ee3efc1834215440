//! A provider as everybody writes one, as a plugin.

use std::convert::Infallible;

use polywire_core::{Context, Result, Service, Versions};
use polywire_plugin_export::{Export, Setup, export_plugin};

#[polywire_macros::contract(crate = polywire_core, name = "orders", version = "1.4.0")]
trait Orders {
    async fn count(&self, cx: &Context, of: u64) -> Result<u64, Infallible>;
    #[event]
    fn shipped(event: u64);
}

struct Shop;

impl Orders for Shop {
    async fn count(&self, _: &Context, of: u64) -> Result<u64, Infallible> {
        Ok(of)
    }
}

fn server(_: &Setup) -> Result<Export> {
    Ok(Service::new(Versions::new().serve(OrdersServer::new(Shop)))?.into())
}

export_plugin!(server, OrdersClient);
