#![allow(unused_imports)]

use std::convert::Infallible;

use polywire::Context;

pub struct Request {
    pub sku: String,
}

#[polywire::contract(name = "orders", version = "1.4.0")]
pub trait Orders {
    async fn price(&self, cx: &Context, request: Request) -> Result<u32, Infallible>;
}

fn main() {}
