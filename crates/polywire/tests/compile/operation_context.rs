#![allow(unused_imports)]

use std::convert::Infallible;

#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    async fn price(&self, request: String) -> Result<u32, Infallible>;
    async fn ping(&self) -> Result<(), Infallible>;
    async fn pong(&self, cx: polywire::Context) -> Result<(), Infallible>;
}

fn main() {}
