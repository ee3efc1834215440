#![allow(unused_imports)]

use std::convert::Infallible;

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
pub trait Orders {
    async fn ping(&self, cx: &Context) -> Result<(), Infallible>;
}

struct Shop;

fn main() {
    let _ = OrdersServer::new(Shop);
}
