//! Run with `cargo run -p quickstart`.

#![allow(clippy::print_stdout, reason = "this is what it shows")]

use polywire::prelude::*;
use std::convert::Infallible;

#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    async fn quote(&self, cx: &Context, request: QuoteRequest) -> Result<Quote, Infallible>;
    #[event]
    fn shipped(event: OrderShipped);
}

#[polywire::payload]
struct QuoteRequest {
    pens: u32,
}

#[polywire::payload]
struct Quote {
    cents: u32,
}

#[polywire::payload]
struct OrderShipped {
    order: u64,
}

struct Shop;

impl Orders for Shop {
    async fn quote(&self, _: &Context, request: QuoteRequest) -> Result<Quote, Infallible> {
        Ok(Quote {
            cents: request.pens * 250,
        })
    }
}

// Another transport is another line here; in a service this is the file polywire.toml.
const CONFIG: &str = r#"
    [channel.orders]
    require = "^1.2"
    transport = "memory"
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wire = Polywire::builder()
        .config_text("polywire.toml", CONFIG)
        .build()?;
    let shop = wire.provide("orders", OrdersServer::new(Shop)).await?;

    let orders: OrdersClient = wire.connect("orders").await?;
    let mut shipped = orders.shipped("billing").await?;
    let quote = orders.quote(QuoteRequest { pens: 3 }).await?;
    println!("3 pens cost {} cents", quote.cents);

    shop.publisher::<OrdersPublisher>()?
        .shipped(&OrderShipped { order: 7 })
        .await?;
    if let Some(delivery) = shipped.next().await {
        println!("order {} was shipped", delivery.event.order);
        delivery.ack().await?;
    }
    Ok(wire.close().await?)
}
