#![allow(unused_imports)]

use std::convert::Infallible;

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    async fn ping(&self, cx: &Context) -> Result<(), Infallible>;
    #[event]
    fn ping(event: String);
    #[event]
    fn Shipped(event: String);
    async fn session(&self, cx: &Context) -> Result<(), Infallible>;
}

fn main() {}
