#![allow(unused_imports)]

use std::convert::Infallible;

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    #[command]
    async fn cancel(&self, cx: &Context, command: String) -> Result<bool, Infallible>;
}

fn main() {}
