//! Contract `orders`, version 1: one article an order, amounts in cents.

use polywire::Context;

/// Orders of a shop: quoted, placed, then shipped or cancelled.
#[polywire::contract(name = "orders", version = "1.4.0")]
pub trait Orders {
    /// What an order would cost.
    #[idempotent]
    async fn quote(&self, cx: &Context, request: QuoteRequest) -> Result<Quote, OrdersError>;

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
    #[since("1.2.0")]
    #[idempotent]
    async fn close_day(&self, cx: &Context) -> Result<Day, OrdersError>;

    /// An order was shipped.
    #[event]
    fn shipped(event: Shipped);

    /// Nothing more is shipped today.
    #[event]
    #[since("1.2.0")]
    fn day_closed(event: Day);
}

/// What would be ordered.
#[polywire::payload]
pub struct QuoteRequest {
    /// The article's name in the catalogue.
    pub article: String,
    /// How many.
    pub quantity: u32,
}

/// What it costs.
#[polywire::payload]
#[derive(Copy, PartialEq, Eq)]
pub struct Quote {
    /// The whole amount, in cents.
    pub total_cents: u64,
}

/// An order.
#[polywire::payload]
pub struct Order {
    /// The number that the caller gave it.
    pub number: u64,
    /// Who ordered.
    pub customer: String,
    /// The article's name in the catalogue.
    pub article: String,
    /// How many.
    pub quantity: u32,
}

/// Names an order.
#[polywire::payload]
#[derive(Copy, PartialEq, Eq)]
pub struct OrderNumber {
    /// The number under which it was placed.
    pub number: u64,
}

/// A shipped order.
#[polywire::payload]
pub struct Shipped {
    /// The number under which it was placed.
    pub number: u64,
    /// Who gets it.
    pub customer: String,
    /// What it costs, in cents.
    pub total_cents: u64,
}

/// What became of a day's orders.
#[polywire::payload]
#[derive(Copy, Default, PartialEq, Eq)]
pub struct Day {
    /// How many were placed.
    pub placed: u64,
    /// How many of those were shipped.
    pub shipped: u64,
    /// How many of those were cancelled.
    pub cancelled: u64,
}

/// Why an order is refused.
#[polywire::error]
#[derive(PartialEq, Eq)]
pub enum OrdersError {
    /// no article {article:?} in the catalogue
    UnknownArticle {
        /// What was asked for.
        article: String,
    },
    /// order {number} was never placed
    NotPlaced {
        /// The order.
        number: u64,
    },
    /// order {number} was shipped and cannot be cancelled, or the other way round
    Settled {
        /// The order.
        number: u64,
    },
    /// subscribers could not be told: {reason}
    #[retryable]
    NotAnnounced {
        /// What went wrong.
        reason: String,
    },
    /// an error that this version does not know
    #[fallback]
    Unknown,
}
