//! The same provider as a runtime plugin.

use std::sync::Arc;

use polywire::plugin_export::{Export, Setup};
use polywire::{Result, Service, Versions};

use super::Shop;
use super::adapter::OneOverTwo;
use super::announcer::Announcer;
use crate::{v1, v2};

/// Serves version 1 to the process that loads it. Its order book is that process's own.
///
/// # Errors
/// When the contract cannot be served.
pub fn export(setup: &Setup) -> Result<Export> {
    let shop = Arc::new(Shop::default());
    let one = v1::OrdersServer::new(OneOverTwo(shop.clone()));
    let service = Arc::new(Service::new(Versions::new().serve(one))?);
    // Nothing is called before this returns.
    let _ = shop
        .announcer
        .set(Announcer::One(setup.publisher(&service)?));
    Ok(Export::new(service))
}

/// Serves version 2 alone.
///
/// # Errors
/// As [`export`].
pub fn export_two(setup: &Setup) -> Result<Export> {
    let shop = Arc::new(Shop::default());
    let two = v2::OrdersServer::from_arc(shop.clone());
    let service = Arc::new(Service::new(Versions::new().serve(two))?);
    let _ = shop
        .announcer
        .set(Announcer::Two(setup.publisher(&service)?));
    Ok(Export::new(service))
}
