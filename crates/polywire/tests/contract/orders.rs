//! The contract that the tests share: every kind of interaction, payload and error.

use std::convert::Infallible;

use polywire::Context;

/// What would it cost?
#[polywire::payload]
#[derive(PartialEq)]
pub(crate) struct QuoteRequest {
    /// The article.
    pub sku: String,
    /// How many.
    pub quantity: u32,
    /// A voucher, if any.
    #[serde(default)]
    pub voucher: Option<String>,
}

/// An offer.
#[polywire::payload]
#[derive(PartialEq)]
pub(crate) struct Quote {
    /// The sum in cents.
    pub cents: i64,
    /// How it is sent.
    pub shipping: Shipping,
}

/// How an order is sent.
#[polywire::payload]
#[derive(PartialEq)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub(crate) enum Shipping {
    /// By post.
    Post,
    /// By van.
    Van {
        /// Its number plate.
        plate: String,
    },
    /// In a way that this version does not know.
    #[serde(other)]
    Other,
}

/// A closed enum: a new size is a new major version.
#[polywire::payload]
#[derive(PartialEq)]
pub(crate) enum Size {
    /// Fits a letter box.
    Small,
    /// Does not.
    Large,
}

/// Stop an order.
#[polywire::payload]
pub(crate) struct CancelOrder {
    /// The order.
    pub order: u64,
}

/// An order has left.
#[polywire::payload]
#[derive(PartialEq)]
pub(crate) struct OrderShipped {
    /// The order.
    pub order: u64,
    /// The size of its parcel.
    pub size: Size,
}

/// What may go wrong.
#[polywire::error]
#[derive(PartialEq)]
pub(crate) enum OrdersError {
    /// no article {sku:?}, but {{braces}}
    NoArticle {
        /// The article.
        sku: String,
    },
    /// All {clerks} clerks are busy
    /// at the moment.
    ///
    /// Come back later.
    #[retryable]
    Busy {
        /// How many there are.
        clerks: u16,
    },
    #[allow(missing_docs)]
    Closed,
    /// an error that this version does not know
    #[fallback]
    Unknown,
}

/// Orders of a shop.
#[polywire::contract(name = "orders", version = "1.4.0")]
pub(crate) trait Orders {
    /// What an order would cost.
    #[idempotent]
    async fn quote(&self, cx: &Context, request: QuoteRequest) -> Result<Quote, OrdersError>;

    /// Whether anybody is there.
    #[since("1.3.0")]
    async fn ping(&self, cx: &Context) -> Result<(), Infallible>;

    /// The old way to ask.
    #[deprecated(since = "1.2.0", note = "use quote")]
    async fn price(&self, cx: &Context, sku: String) -> Result<i64, OrdersError>;

    /// Stops an order.
    #[command]
    async fn cancel(&self, cx: &Context, command: CancelOrder) -> Result<(), OrdersError>;

    /// An order has left.
    #[event]
    fn shipped(event: OrderShipped);

    /// The shop has opened.
    #[event]
    #[since("1.4.0")]
    fn shop_opened();
}
