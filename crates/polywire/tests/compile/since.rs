#![allow(unused_imports)]

use std::convert::Infallible;

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    #[since("1.5.0")]
    async fn later(&self, cx: &Context) -> Result<(), Infallible>;
    #[since("0.9.0")]
    async fn other_track(&self, cx: &Context) -> Result<(), Infallible>;
    #[since("1.3")]
    async fn short(&self, cx: &Context) -> Result<(), Infallible>;
}

#[polywire::contract(name = "orders", version = "0.3.1")]
trait Early {
    #[since("0.2.0")]
    async fn other_track(&self, cx: &Context) -> Result<(), Infallible>;
}

fn main() {}
