#![allow(unused_imports)]

use std::convert::Infallible;

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    async fn nobody(cx: &Context) -> Result<(), Infallible>;
    async fn changes(&mut self, cx: &Context) -> Result<(), Infallible>;
    async fn nothing() -> Result<(), Infallible>;
}

fn main() {}
