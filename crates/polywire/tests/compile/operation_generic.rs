#![allow(unused_imports)]

use std::convert::Infallible;

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    async fn price<T: Into<String>>(&self, cx: &Context, sku: T) -> Result<u32, Infallible>;
}

fn main() {}
