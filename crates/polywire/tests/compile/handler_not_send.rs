#![allow(unused_imports)]

use std::convert::Infallible;
use std::rc::Rc;

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
pub trait Orders {
    async fn ping(&self, cx: &Context) -> Result<(), Infallible>;
}

struct Shop;

impl Orders for Shop {
    async fn ping(&self, _: &Context) -> Result<(), Infallible> {
        let shared = Rc::new(1);
        std::future::ready(()).await;
        drop(shared);
        Ok(())
    }
}

fn main() {}
