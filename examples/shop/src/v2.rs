//! Contract `orders`, version 2: several articles an order, and a currency with every amount.

use polywire::Context;

// What did not change is the same type.
pub use crate::v1::{Day, OrderNumber, OrdersError};

/// Orders of a shop: quoted, placed, then shipped or cancelled.
#[polywire::contract(name = "orders", version = "2.0.0")]
pub trait Orders {
    /// What an order would cost.
    #[idempotent]
    async fn quote(&self, cx: &Context, basket: Basket) -> Result<Quote, OrdersError>;

    /// Places an order under the number that the caller gave it; placing it again changes nothing.
    #[idempotent]
    async fn place(&self, cx: &Context, order: Order) -> Result<Quote, OrdersError>;

    /// Ships a placed order.
    #[command]
    #[idempotent]
    async fn ship(&self, cx: &Context, order: OrderNumber) -> Result<(), OrdersError>;

    /// Cancels a placed order.
    #[command]
    #[idempotent]
    async fn cancel(&self, cx: &Context, order: OrderNumber) -> Result<(), OrdersError>;

    /// Waits until every placed order is shipped or cancelled, and counts them.
    #[idempotent]
    async fn close_day(&self, cx: &Context) -> Result<Day, OrdersError>;

    /// An order was shipped.
    #[event]
    fn shipped(event: Shipped);

    /// Nothing more is shipped today.
    #[event]
    fn day_closed(event: Day);
}

/// What would be ordered.
#[polywire::payload]
pub struct Basket {
    /// What it consists of.
    pub lines: Vec<Line>,
}

/// So many of one article.
#[polywire::payload]
pub struct Line {
    /// The article's name in the catalogue.
    pub article: String,
    /// How many.
    pub quantity: u32,
}

/// An amount of money.
#[polywire::payload]
#[derive(Copy, PartialEq, Eq)]
pub struct Money {
    /// The amount, in hundredths of the currency.
    pub cents: u64,
    /// Of which currency.
    pub currency: Currency,
}

/// A currency (ISO 4217).
#[polywire::payload]
#[derive(Copy, PartialEq, Eq)]
pub enum Currency {
    /// The euro.
    Eur,
    /// One that this version does not know.
    #[serde(other)]
    Other,
}

/// What it costs.
#[polywire::payload]
#[derive(Copy, PartialEq, Eq)]
pub struct Quote {
    /// The whole amount.
    pub total: Money,
}

/// An order.
#[polywire::payload]
pub struct Order {
    /// The number that the caller gave it.
    pub number: u64,
    /// Who ordered.
    pub customer: String,
    /// What it consists of.
    pub basket: Basket,
}

/// A shipped order.
#[polywire::payload]
pub struct Shipped {
    /// The number under which it was placed.
    pub number: u64,
    /// Who gets it.
    pub customer: String,
    /// What it costs.
    pub total: Money,
}
