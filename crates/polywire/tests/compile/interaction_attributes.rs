#![allow(unused_imports)]

use std::convert::Infallible;

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    #[command(later)]
    async fn cancel(&self, cx: &Context) -> Result<(), Infallible>;
    #[since = "1.3.0"]
    async fn ping(&self, cx: &Context) -> Result<(), Infallible>;
    #[cfg(test)]
    async fn check(&self, cx: &Context) -> Result<(), Infallible>;
}

fn main() {}
