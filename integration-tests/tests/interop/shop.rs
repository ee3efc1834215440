//! The contract that the other languages speak, and its provider.

use polywire::Context;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

#[polywire::payload]
pub(crate) struct QuoteRequest {
    pub(crate) item: String,
    pub(crate) quantity: u32,
}

#[polywire::payload]
pub(crate) struct Quote {
    pub(crate) cents: u64,
}

#[polywire::payload]
pub(crate) struct Cancel {
    pub(crate) order: String,
}

#[polywire::payload]
pub(crate) struct Shipped {
    pub(crate) order: String,
}

#[polywire::error]
pub(crate) enum OrdersError {
    /// no such item
    UnknownItem,
    #[fallback]
    Other,
}

#[polywire::contract(name = "orders", version = "1.4.0")]
pub(crate) trait Orders {
    #[idempotent]
    async fn quote(&self, cx: &Context, request: QuoteRequest) -> Result<Quote, OrdersError>;
    #[command]
    async fn cancel(&self, cx: &Context, command: Cancel) -> Result<(), OrdersError>;
    #[event]
    fn shipped(event: Shipped);
}

/// Knows the price of lamps, and tells what is cancelled: the message's id, and the order.
pub(crate) struct Provider(UnboundedSender<(String, String)>);

impl Provider {
    pub(crate) fn new() -> (Self, UnboundedReceiver<(String, String)>) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), receiver)
    }
}

impl Orders for Provider {
    async fn quote(&self, _: &Context, request: QuoteRequest) -> Result<Quote, OrdersError> {
        match request.item.as_str() {
            "lamp" => Ok(Quote {
                cents: 1250 * u64::from(request.quantity),
            }),
            _ => Err(OrdersError::UnknownItem),
        }
    }

    async fn cancel(&self, cx: &Context, command: Cancel) -> Result<(), OrdersError> {
        self.0
            .send((cx.head().id.to_string(), command.order))
            .map_err(|_| OrdersError::Other)
    }
}
