#![allow(unused_imports)]

use std::convert::Infallible;

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    async fn two(&self, cx: &Context, sku: String, quantity: u32) -> Result<u32, Infallible>;
    async fn borrowed(&self, cx: &Context, sku: &str) -> Result<u32, Infallible>;
    async fn any(&self, cx: &Context, sku: impl Into<String>) -> Result<u32, Infallible>;
    async fn torn(&self, cx: &Context, (sku, quantity): (String, u32)) -> Result<u32, Infallible>;
}

fn main() {}
