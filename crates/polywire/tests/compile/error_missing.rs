#![allow(unused_imports)]

use polywire::Context;

#[derive(Debug)]
pub enum OrdersError {
    Closed,
}

#[polywire::contract(name = "orders", version = "1.4.0")]
pub trait Orders {
    async fn ping(&self, cx: &Context) -> Result<(), OrdersError>;
}

fn main() {}
