#![allow(unused_imports)]

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    async fn nothing(&self, cx: &Context);
    async fn bare(&self, cx: &Context) -> u32;
    async fn alias(&self, cx: &Context) -> std::io::Result<u32>;
}

fn main() {}
