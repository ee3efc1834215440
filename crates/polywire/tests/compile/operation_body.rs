#![allow(unused_imports)]

use std::convert::Infallible;

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    async fn ping(&self, cx: &Context) -> Result<(), Infallible> {
        Ok(())
    }
}

fn main() {}
