//! The contracts of the plugin and of the service that it talks to.

#![allow(dead_code, reason = "each side uses its own part")]

use std::convert::Infallible;

use polywire::Context;

/// The service.
#[polywire::contract(name = "stock", version = "1.2.0")]
pub(crate) trait Stock {
    async fn left(&self, cx: &Context, request: Pens) -> Result<Pens, Refusal>;
    /// Answers once it is let go.
    async fn wait(&self, cx: &Context) -> Result<Pens, Infallible>;
    #[command]
    async fn order(&self, cx: &Context, request: Pens) -> Result<(), Infallible>;
    #[event]
    fn changed(event: Pens);
}

/// The plugin.
#[polywire::contract(name = "orders", version = "1.0.0")]
pub(crate) trait Orders {
    async fn left(&self, cx: &Context, request: Pens) -> Result<Pens, Refusal>;
    /// Asks the stock a second time once that has let it go.
    async fn wait(&self, cx: &Context) -> Result<Pens, Refusal>;
    /// Asks itself, so often, and then the stock.
    async fn again(&self, cx: &Context, request: Pens) -> Result<Pens, Refusal>;
    #[command]
    async fn order(&self, cx: &Context, request: Pens) -> Result<(), Refusal>;
    /// Orders what the stock tells, from now on.
    async fn listen(&self, cx: &Context) -> Result<(), Refusal>;
}

#[polywire::payload]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pens {
    pub(crate) pens: u32,
}

#[polywire::error]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There are not that many pens.
    SoldOut { left: u32 },
    /// The stock could not be asked.
    Unasked { kind: String, why: String },
    #[fallback]
    Unknown,
}
