#![allow(unused_imports)]

use std::convert::Infallible;

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    fn ping(&self, cx: &Context) -> Result<(), Infallible>;
    fn shipped(event: String);
    #[command]
    fn cancel(&self, cx: &Context) -> Result<(), Infallible>;
}

fn main() {}
