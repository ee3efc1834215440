#![allow(unused_imports)]

use std::convert::Infallible;

use polywire::Context;

#[polywire::contract(name = "orders", version = "1.4.0")]
unsafe trait Generic<T> {
    const LIMIT: usize;
    type Article;
    async fn ping(&self, cx: &Context) -> Result<(), Infallible>;
}

fn main() {}
